"""Forms of the console: read, and refused without the session's own token."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.console.session import Session, Standing

CSRF_FIELD = "csrf"
_MOST_FIELDS = 200


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; of a name that is given twice, the last one."""
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form has too many fields.") from error


async def read_act(request: Request) -> tuple[Session, Mapping[str, str]]:
    """The session and the fields of a form that changes something.

    Raises:
        HTTPException: The form is not of this session, or it is not known whether the session was
            ended.
    """
    session: Session = request.state.session
    form = await read_form(request)
    if not hmac.compare_digest(form.get(CSRF_FIELD, "").encode(), session.csrf.encode()):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "The form is of another session. Open its page again, and send it from there.",
        )
    if request.state.standing is Standing.UNKNOWN:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The operational store does not answer, so it is not known whether this session was ended. "
            "Pages can be looked at; acts are refused until it answers.",
        )
    return session, form
