"""The handles by which an administrator gives and takes permissions, lets users log in, and shares
records.
"""

from typing import Any, Literal

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.control.errors import ControlError
from sandbox.org.control.model import ControlRequest, parsed
from sandbox.org.control.responses import JsonResponse
from sandbox.org.errors import SalesforceError
from sandbox.org.permissions.rights import ADMINISTRATOR
from sandbox.org.state.org import Org


class UserRequest(ControlRequest):
    """A user, and the profile that he is to have."""

    id: str
    profile: str
    password: str | None = None
    """None: the one he has, or one that is made up."""


class RecordShare(ControlRequest):
    """One record that somebody shares with one user."""

    object: str
    record_id: str
    user: str
    access: Literal["read", "edit"] = "read"


class PermissionHandles:
    """Reads and turns the rights of one org's users."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def permissions(self, request: Request) -> Response:
        """Reads the permissions of a profile (`?profile=`; without it, of the integration user's);
        a PATCH gives or takes those that it names, such as `{"view_all_data": false}`.
        """
        profile = request.query_params.get("profile", ADMINISTRATOR)
        found = self._org.permissions.profile(profile)
        if request.method == "PATCH":
            rights = await self._merged(request, found)
            self._taken(lambda: self._org.give_rights(rights, profile))
        return JsonResponse(self._org.permissions.profile(profile).model_dump(mode="json"))

    async def users(self, request: Request) -> Response:
        """Lists the users with their profiles; a POST of `{"id": "005...", "profile": "Standard
        User"}` gives one a profile, and a password to log in with.
        """
        org = self._org
        if request.method == "POST":
            wanted = parsed(UserRequest, await request.body())
            password = self._taken(lambda: org.permissions.assign(wanted.id, wanted.profile, wanted.password))
            org.look_again()
            return JsonResponse({"id": wanted.id, "profile": wanted.profile, "password": password})
        users = [
            {"id": each.id, "username": each.username, "profile": each.profile, "may_log_in": each.may_log_in}
            for each in org.permissions.users()
        ]
        return JsonResponse({"users": users})

    async def sharing(self, request: Request) -> Response:
        """Reads how records are shared; a PATCH sets org-wide defaults and rules, such as
        `{"defaults": {"Account": "private"}}`, a POST shares one record with one user.
        """
        permissions = self._org.permissions
        if request.method == "PATCH":
            sharing = await self._merged(request, permissions.sharing)
            self._taken(lambda: permissions.share(sharing))
            self._org.look_again()
        elif request.method == "POST":
            one = parsed(RecordShare, await request.body())
            self._taken(lambda: permissions.share_record(one.object, one.record_id, one.user, one.access))
        return JsonResponse(permissions.sharing.model_dump(mode="json"))

    async def _merged(self, request: Request, present: Any) -> Any:
        """The present values, with those that the request names."""
        wanted = orjson.loads(await request.body() or b"{}")
        if not isinstance(wanted, dict):
            raise ControlError("send a JSON object")
        model: type[BaseModel] = type(present)
        try:
            return model.model_validate(present.model_dump() | wanted)
        except ValidationError as error:
            raise ControlError(
                "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors())
            ) from error

    @staticmethod
    def _taken(change: Any) -> Any:
        """Make a change; a refusal comes in the org's words."""
        try:
            return change()
        except SalesforceError as error:
            raise ControlError(error.message) from error
