"""Temporary logins: the two calls of AWS that give a user and a password for minutes.

`GetClusterCredentials` and `GetClusterCredentialsWithIAM` are of Redshift's query API,
`GetCredentials` of Redshift Serverless' JSON API.
https://docs.aws.amazon.com/redshift/latest/mgmt/generating-user-credentials.html
"""

import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.redshift.wire.login import User

_KEY = re.compile(r"Credential=([^/,\s]+)/")
_SHORTEST, _LONGEST = 900, 3_600
"""Seconds that a password lives."""


class CallRefusedError(Exception):
    """AWS' error code, and what it says."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass
class Credentials:
    """Gives temporary logins to whom has the access key."""

    users: dict[str, User]
    access_key: str
    names: frozenset[str]
    """Of the cluster and of the workgroup."""
    owner: str
    """PostgreSQL's role behind every login."""
    given: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        is_json = "x-amz-target" in request.headers
        try:
            self._check_key(request.headers.get("authorization", ""))
            if is_json:
                return JSONResponse(self._serverless(request.headers["x-amz-target"], await request.json()))
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            return Response(self._cluster(form), media_type="text/xml")
        except CallRefusedError as error:
            return _refusal(error, is_json=is_json)

    def _check_key(self, header: str) -> None:
        found = _KEY.search(header)
        if found is None or found[1] != self.access_key:
            raise CallRefusedError(
                "InvalidClientTokenId", "The security token included in the request is invalid.", 403
            )

    def _serverless(self, target: str, asked: dict[str, Any]) -> dict[str, Any]:
        if target != "RedshiftServerless.GetCredentials":
            raise CallRefusedError("UnknownOperationException", f"the stand-in has no {target}")
        self._check_name(str(asked.get("workgroupName", "")), "ResourceNotFoundException")
        user = self._give("IAM:sandbox", int(asked.get("durationSeconds", _SHORTEST)))
        until = user.until or 0
        return {
            "dbUser": user.name,
            "dbPassword": user.password,
            "expiration": until,
            "nextRefreshTime": until,
        }

    def _cluster(self, form: dict[str, str]) -> str:
        action = form.get("Action", "")
        if action not in ("GetClusterCredentials", "GetClusterCredentialsWithIAM"):
            raise CallRefusedError("InvalidAction", f"the stand-in has no {action}")
        self._check_name(form.get("ClusterIdentifier", ""), "ClusterNotFound")
        name = "IAM:sandbox"
        if action == "GetClusterCredentials":
            wanted = form.get("DbUser", "")
            if wanted not in self.users and form.get("AutoCreate") != "true":
                raise CallRefusedError("InvalidParameterValue", f"there is no database user {wanted}")
            name = f"{'IAMA' if wanted not in self.users else 'IAM'}:{wanted}"
        user = self._give(name, int(form.get("DurationSeconds", _SHORTEST)))
        until = datetime.fromtimestamp(user.until or 0, UTC).isoformat()
        return (
            f'<{action}Response xmlns="http://redshift.amazonaws.com/doc/2012-12-01/"><{action}Result>'
            f"<DbUser>{escape(user.name)}</DbUser><DbPassword>{escape(user.password)}</DbPassword>"
            f"<Expiration>{until}</Expiration></{action}Result></{action}Response>"
        )

    def _check_name(self, name: str, code: str) -> None:
        if name not in self.names:
            raise CallRefusedError(code, f"{name or 'the name'} is not found", 404)

    def _give(self, name: str, seconds: int) -> User:
        """A login that ends by itself. An earlier password of the user stays good until it
        expires.
        """
        if not _SHORTEST <= seconds <= _LONGEST:
            raise CallRefusedError(
                "InvalidParameterValue", f"duration {seconds} is not within {_SHORTEST} and {_LONGEST}"
            )
        until = time.time() + seconds
        earlier = self.users.get(name)
        former = () if earlier is None else (earlier.password, *earlier.former)
        user = User(name, secrets.token_urlsafe(24), until=until, role=self.owner, former=former[:20])
        self.users[name] = user
        self.given.append(name)
        return user


def _refusal(error: CallRefusedError, *, is_json: bool) -> Response:
    if is_json:
        return JSONResponse({"__type": error.code, "message": str(error)}, status_code=error.status)
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
        "</Error><RequestId>stand-in</RequestId></ErrorResponse>"
    )
    return Response(body, status_code=error.status, media_type="text/xml")
