"""`/sobjects/X/updated` and `/deleted`: which records changed in a span of time, for clients that
copy an object.

Spans are half open and counted in whole minutes; `latestDateCovered` is where the client's next
span begins.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from starlette.responses import Response

from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import Call, json_response
from sandbox.org.soql.entities import Entity
from sandbox.org.soql.literals import stored_datetime
from sandbox.org.state.org import Org
from schemas.salesforce.limits import DELETED_MAX_AGE, REPLICATION_MAX_IDS, UPDATED_MAX_AGE


class Span(NamedTuple):
    """A span of time, in whole minutes."""

    start: datetime
    end: datetime
    now: datetime

    @property
    def latest_covered(self) -> datetime:
        return min(self.end, self.now)


async def updated(call: Call) -> Response:
    """`GET /sobjects/X/updated?start=&end=`: ids of records made or changed (REST API Developer
    Guide, "sObject Get Updated").
    """
    entity = call.service.entity(call.path("object"))
    span = _asked_span(call, UPDATED_MAX_AGE)
    rows = await call.read(lambda connection: changed_rows(connection, entity, span, deleted=False))
    ids = [record_id for record_id, _ in rows]
    return json_response({"ids": ids, "latestDateCovered": _shown(span.latest_covered)})


async def deleted(call: Call) -> Response:
    """`GET /sobjects/X/deleted?start=&end=`: ids of records in the recycle bin (REST API Developer
    Guide, "sObject Get Deleted").
    """
    entity = call.service.entity(call.path("object"))
    span = _asked_span(call, DELETED_MAX_AGE)
    rows = await call.read(lambda connection: changed_rows(connection, entity, span, deleted=True))
    return json_response(
        {
            "deletedRecords": [{"id": record_id, "deletedDate": at[:-1] + "+0000"} for record_id, at in rows],
            "earliestDateAvailable": _shown(span.now - DELETED_MAX_AGE),
            "latestDateCovered": _shown(span.latest_covered),
        }
    )


def changed_rows(
    connection: sqlite3.Connection, entity: Entity, span: Span, *, deleted: bool
) -> list[tuple[str, str]]:
    """Ids and times of the records that changed, or went, within the span."""
    statement = (
        f"SELECT Id, SystemModstamp FROM {entity.table} WHERE SystemModstamp >= ? AND SystemModstamp < ? "
        "AND IsDeleted = ? ORDER BY SystemModstamp, Id LIMIT ?"
    )
    bounds = (stored_datetime(span.start), stored_datetime(span.end), deleted, REPLICATION_MAX_IDS + 1)
    rows = connection.execute(statement, bounds).fetchall()
    if deleted:
        gone = "SELECT id, at FROM sandbox_hard_deletes WHERE object = ? AND at >= ? AND at < ?"
        rows += connection.execute(gone, (entity.name, *bounds[:2])).fetchall()
        rows.sort(key=lambda row: (row[1], row[0]))
    if len(rows) > REPLICATION_MAX_IDS:
        message = f"exceeded the limit of {REPLICATION_MAX_IDS} ids; use a shorter span of time"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    return rows


def _asked_span(call: Call, oldest: timedelta) -> Span:
    given = call.request.query_params
    return span_of(call.org, given.get("start"), given.get("end"), oldest)


def span_of(org: Org, start_text: str | None, end_text: str | None, oldest: timedelta) -> Span:
    """The span asked for, seconds cut off; raises INVALID_REPLICATION_DATE for one that may not be
    asked for.
    """
    now = _minute(datetime.fromtimestamp(org.clock.now().epoch_ms / 1000, UTC))
    start, end = _moment(start_text, "start"), _moment(end_text, "end")
    if start >= end:
        raise _invalid("startDate must be before endDate, and the span at least one minute long")
    if start < now - oldest:
        raise _invalid(f"startDate cannot be more than {oldest.days} days ago")
    return Span(start, end, now)


def _moment(text: str | None, name: str) -> datetime:
    if not text:
        raise SalesforceError("MISSING_ARGUMENT", f"{name} date not specified")
    try:
        # A plus sign that was not encoded arrives as a blank.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        return _minute(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise _invalid(f"{name} is not a valid date: {text}") from None


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _invalid(message: str) -> SalesforceError:
    return SalesforceError("INVALID_REPLICATION_DATE", message)
