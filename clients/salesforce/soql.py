"""The one query that reads an object in the order of its changes, a keyset at a time.

A keyset (SystemModstamp, Id) instead of a cursor or an offset: where a page ends is a position,
so reading can stop and go on anywhere, and rows with the same second are neither lost nor read
twice.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from schemas.catalogue import ObjectSpec
from schemas.ingest.positions import PolledPosition, epoch_ms
from schemas.salesforce.limits import SOQL_MAX_CHARACTERS

SYSTEM_FIELDS = ("Id", "IsDeleted", "SystemModstamp")
"""Fields that every object has and the catalogue does not list."""

_ESCAPED = str.maketrans(
    {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}
)


def selected_fields(spec: ObjectSpec) -> tuple[str, ...]:
    """The columns of a read, in the order of the query: what places a row, then the catalogue's
    fields that are read.

    The parts of a compound are fields of their own in a query; compounds themselves Bulk API
    refuses.
    """
    return (*SYSTEM_FIELDS, *(name for name in spec.read_fields if name not in SYSTEM_FIELDS))


def keyset_query(
    spec: ObjectSpec,
    after: PolledPosition,
    until_ms: int | None,
    *,
    limit: int | None = None,
    also: str = "",
) -> str:
    """Rows after a position and with a SystemModstamp before `until_ms` (None: without end), in the
    order of the lane.

    `also` is a further condition; empty: none. Comes with deleted rows only when it is asked of
    queryAll.
    """
    start = literal(after.modstamp_ms)
    where = [f"SystemModstamp >= {start}"]
    if after.record_id is not None:
        # Beside the bound above, which alone lets an index serve the query.
        where.append(f"(SystemModstamp > {start} OR Id > '{after.record_id}')")
    if until_ms is not None:
        where.append(f"SystemModstamp < {literal(until_ms)}")
    if also:
        where.append(f"({also})")
    tail = "" if limit is None else f" LIMIT {limit}"
    return (
        f"SELECT {', '.join(selected_fields(spec))} FROM {spec.name} WHERE {' AND '.join(where)} "
        f"ORDER BY SystemModstamp, Id{tail}"
    )


def queries_in(begin: str, literals: Sequence[str], most: int) -> Iterator[str]:
    """Queries that together ask for all the literals; `begin` is what stands before their list.

    Each has `most` literals, fewer when SOQL would be too long with them (SOQL and SOSL
    Reference, "SOQL Limits"), one at least.
    """
    room = SOQL_MAX_CHARACTERS - len(begin) - len("()")
    some: list[str] = []
    left = room
    for literal_text in literals:
        size = len(literal_text) + 1
        if some and (size > left or len(some) == most):
            yield f"{begin}({','.join(some)})"
            some, left = [], room
        some.append(literal_text)
        left -= size
    if some:
        yield f"{begin}({','.join(some)})"


def between(field: str, since: datetime | None, until: datetime | None) -> str:
    """The condition for times from `since` up to `until` (exclusive); None is no bound, and without
    any it is empty.
    """
    bounds = {f"{field} >= ": since, f"{field} < ": until}
    return " AND ".join(
        text + literal(epoch_ms(moment)) for text, moment in bounds.items() if moment is not None
    )


def literal(moment_ms: int) -> str:
    """A SOQL datetime literal: unquoted, with a zone (SOQL and SOSL Reference, "Date Formats and
    Date Literals").
    """
    moment = datetime.fromtimestamp(moment_ms / 1_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1_000:03d}Z"


def text_literal(value: str) -> str:
    """A SOQL text literal, quotes included (SOQL and SOSL Reference, "Quoted String Escape
    Sequences").
    """
    return f"'{value.translate(_ESCAPED)}'"
