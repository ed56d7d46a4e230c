"""The handle by which an administrator gives and takes the integration user's permissions."""

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.control.errors import ControlError
from sandbox.org.control.responses import JsonResponse
from sandbox.org.errors import SalesforceError
from sandbox.org.permissions.model import Rights
from sandbox.org.state.org import Org


class PermissionHandles:
    """Reads and turns the rights of one org's integration user."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def permissions(self, request: Request) -> Response:
        """Reads the integration user's permissions; a PATCH gives or takes those that it names,
        such as `{"view_all_data": false}`.
        """
        if request.method == "PATCH":
            wanted = orjson.loads(await request.body() or b"{}")
            if not isinstance(wanted, dict):
                raise ControlError("send a JSON object")
            try:
                rights = Rights.model_validate(self._org.permissions.rights.model_dump() | wanted)
                self._org.give_rights(rights)
            except ValidationError as error:
                raise ControlError(
                    "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors())
                ) from error
            except SalesforceError as error:
                raise ControlError(error.message) from error
        return JsonResponse(self._org.permissions.rights.model_dump(mode="json"))
