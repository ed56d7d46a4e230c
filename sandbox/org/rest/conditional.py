"""`If-Modified-Since` and `If-Unmodified-Since`, at one-second resolution (REST API Developer Guide, "Conditional Request Headers")."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.errors import SalesforceError


def http_date(moment: datetime) -> str:
    """`Mon, 10 Dec 2018 17:50:19 GMT`."""
    return format_datetime(moment, usegmt=True)


def not_modified(request: Request, changed_at: datetime) -> Response | None:
    """The 304 to answer with when nothing changed since the client's date; None to answer in full."""
    since = _header_date(request, "if-modified-since")
    if since is None or changed_at > since:
        return None
    return Response(status_code=304, headers={"Last-Modified": http_date(changed_at)})


def check_unmodified(request: Request, changed_at: datetime) -> None:
    """Raise 412 when the record changed after `If-Unmodified-Since`."""
    since = _header_date(request, "if-unmodified-since")
    if since is not None and changed_at > since:
        raise SalesforceError("PRECONDITION_FAILED", "The record has been modified since the given date", 412)


def _header_date(request: Request, name: str) -> datetime | None:
    """The header as a time; a date that cannot be read is refused when it guards a write, else ignored."""
    text = request.headers.get(name)
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        if request.method in ("GET", "HEAD"):
            return None
        raise SalesforceError("INVALID_HEADER", f"{name} is not a date: {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
