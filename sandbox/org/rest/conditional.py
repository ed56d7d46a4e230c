"""Conditional requests (REST API Developer Guide, "Conditional Request Headers").

`If-Modified-Since` and `If-Unmodified-Since` work for every object, at one-second resolution;
`ETag`, `If-Match` and `If-None-Match` for rows of Account only. Deletes take no condition.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.errors import SalesforceError

ETAG_OBJECTS = frozenset({"Account"})
_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_TAGS = re.compile(r'\s*(?:\*|(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*)\s*')


def entity_tag(row: Sequence[Any]) -> str:
    """The ETag of a record: another one as soon as any of its values is another."""
    return f'"{blake2b(repr(tuple(row)).encode(), digest_size=16).hexdigest()}"'


def check_tag(request: Request, tag: str) -> Response | None:
    """The 304 for a record that the client has already, None to go on; raises 412 when a condition
    does not hold.
    """
    wanted, known = _tags(request, "if-match"), _tags(request, "if-none-match")
    if wanted and not {tag, "*"} & wanted:
        raise _failed()
    if {tag, "*"} & known:
        if request.method not in ("GET", "HEAD"):
            raise _failed()
        return Response(status_code=304, headers={"ETag": tag})
    return None


def refuse_conditions(request: Request) -> None:
    """A delete takes no condition: to ignore one would delete what the client wanted to keep."""
    for name in _CONDITIONS:
        if name in request.headers:
            raise SalesforceError("INVALID_HEADER", f"DELETE does not support the header {name}")


def _tags(request: Request, name: str) -> frozenset[str]:
    """The tags of a header, weak ones as strong; one that cannot be read is refused when it guards
    a write, else ignored.
    """
    text = request.headers.get(name, "")
    if text and not _TAGS.fullmatch(text):
        if request.method in ("GET", "HEAD"):
            return frozenset()
        raise SalesforceError("INVALID_HEADER", f"{name} is not an entity tag: {text}")
    return frozenset(each.strip().removeprefix("W/") for each in text.split(",") if each.strip())


def _failed() -> SalesforceError:
    message = "The record does not match the entity tag given in the request"
    return SalesforceError("MATCH_PRECONDITION_FAILED", message, 412)


def http_date(moment: datetime) -> str:
    """`Mon, 10 Dec 2018 17:50:19 GMT`."""
    return format_datetime(moment, usegmt=True)


def not_modified(request: Request, changed_at: datetime) -> Response | None:
    """The 304 to answer with when nothing changed since the client's date; None to answer in
    full.
    """
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
    """The header as a time; a date that cannot be read is refused when it guards a write, else
    ignored.
    """
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
