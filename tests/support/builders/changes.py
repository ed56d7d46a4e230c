"""Random changes of one record or of a few, as the change log holds them, and as a staged table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UNDELETE, UPDATE, WHOLE
from schemas.tables import arrow_schema, staged_columns
from transforms.apply.fold import LoggedChange
from transforms.ingest.change_header import change_order

FIELDS = {"A__c": {"type": "int"}, "B__c": {"type": "int"}, "C__c": {"type": "string"}}
SPEC: ObjectSpec = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "history": True, "fields": FIELDS}}}
).object("Thing__c")
COLUMNS = list(SPEC.columns.values())
APPLIED_AT = datetime(2026, 9, 21, 15, tzinfo=UTC)
_VALUES = st.tuples(
    st.none() | st.integers(0, 3), st.none() | st.integers(0, 3), st.none() | st.sampled_from("xy")
)


def change(
    number: int,
    kind: str = UPDATE,
    values: tuple[Any, ...] = (None, None, None),
    *,
    changed: str | None = None,
    diffs: str | None = None,
    isolated: str | None = None,
    record_id: str = "r1",
) -> LoggedChange:
    """The record's change of that number: a second later than the one before. `changed` defaults to
    none, or all.
    """
    named = changed if kind in WHOLE else changed or ""
    at = datetime(2026, 9, 21, 14, tzinfo=UTC) + timedelta(seconds=number)
    order = change_order(round(at.timestamp() * 1000), number, 1)
    return LoggedChange(record_id, order, kind, at, named, diffs, isolated, "lane/7", APPLIED_AT, values)


@st.composite
def histories(draw: st.DrawFn, records: int = 1, most: int = 8) -> list[LoggedChange]:
    """Changes in order, each of one of the records."""
    made = []
    for number in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from([CREATE, UPDATE, UPDATE, UPDATE, DELETE, UNDELETE, SNAPSHOT]))
        values: tuple[Any, ...] = draw(_VALUES)
        chosen = draw(st.sets(st.integers(0, 2)))
        is_partial = kind == SNAPSHOT and draw(st.booleans())
        is_whole = kind in WHOLE and not is_partial
        places = {0, 1, 2} if is_whole else set() if kind == DELETE else chosen
        carried = tuple(value if place in places else None for place, value in enumerate(values))
        record_id = f"r{draw(st.integers(1, records))}"
        names = None if is_whole else ",".join(COLUMNS[place] for place in sorted(places))
        misfits = [place for place in sorted(places) if carried[place] is None and draw(st.booleans())]
        isolated = ",".join(COLUMNS[place] for place in misfits) or None
        made.append(change(number, kind, carried, changed=names, isolated=isolated, record_id=record_id))
    return made


def staged(changes: list[LoggedChange]) -> pa.Table:
    """The changes as `stage_batch` writes them."""
    rows = [
        {
            "record_id": each.record_id,
            "change_order": each.change_order,
            "change_type": each.change_type,
            "changed_at": each.changed_at,
            "changed_fields": each.changed_fields,
            "isolated_fields": each.isolated_fields,
            "received_at": each.changed_at,
            "batch": each.batch,
            **dict(zip(COLUMNS, each.values, strict=True)),
        }
        for each in changes
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(staged_columns(SPEC)))
