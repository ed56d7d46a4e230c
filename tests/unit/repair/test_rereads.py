"""Changes without values become re-reads of their records, or of a part of their object."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest

from schemas.ops_tables import REREAD_COLUMNS
from tests.support.builders.bus import BASE_MS, event
from transforms.ingest.change_header import change_order
from transforms.quality.open_findings import FoundChange
from transforms.repair import (
    LONGEST_TRANSACTION,
    NOT_IN_QUARANTINE,
    OVERFLOW_ID,
    Cause,
    RereadRequest,
    asked_by_incomplete,
    doubtful_records,
    reread_table,
    rereads_for_findings,
    rereads_for_gap,
    rereads_for_refusals,
)

RECORD = "500000000000001AAA"
AT_MS = BASE_MS + 7_000
AT = datetime.fromtimestamp(AT_MS / 1_000, UTC)
ORDER = change_order(AT_MS, 7, 1)


def refused(kind: str, record_id: str | None, reason: str = "needs_reread") -> pa.Table:
    row = {
        "batch": "lane/1",
        "object": "Case",
        "ordinal": 3,
        "record_id": record_id,
        "reason": reason,
        "event": orjson.dumps(event(7, {}, change_type=kind)).decode(),
    }
    return pa.Table.from_pylist([row])


@pytest.mark.parametrize(
    ("kind", "record_id", "cause"),
    [
        ("GAP_UPDATE", RECORD, Cause.GAP),
        ("GAP_DELETE", RECORD, Cause.GAP),
        ("UPDATE", RECORD, Cause.DIFF),
        ("GAP_UPDATE", "500*", Cause.WILDCARD),
        ("UPDATE", "500*", Cause.WILDCARD),
        ("GAP_OVERFLOW", RECORD, Cause.OVERFLOW),
        ("GAP_OVERFLOW", OVERFLOW_ID, Cause.OVERFLOW),
        ("GAP_UPDATE", OVERFLOW_ID, Cause.OVERFLOW),
        ("GAP_UPDATE", None, Cause.OVERFLOW),
    ],
)
def test_a_change_without_values_asks_for_its_record_or_else_for_the_time_around_it(
    kind: str, record_id: str | None, cause: Cause
) -> None:
    is_named = cause in (Cause.GAP, Cause.DIFF)
    wanted = RereadRequest(
        batch="lane/1",
        object="Case",
        ordinal=3,
        record_id=record_id if is_named else None,
        cause=cause,
        change_order=ORDER,
        since_at=None if is_named else AT - LONGEST_TRANSACTION,
        changed_at=AT,
    )
    assert rereads_for_refusals(refused(kind, record_id)) == [wanted]


@pytest.mark.parametrize("record_id", ["", "500", 15 * "0", 19 * "0"])
def test_a_record_id_that_a_query_refuses_is_not_asked_for(record_id: str) -> None:
    assert rereads_for_refusals(refused("GAP_UPDATE", record_id)) == []


def test_a_change_that_was_refused_for_another_reason_is_not_asked_for() -> None:
    assert rereads_for_refusals(refused("GAP_UPDATE", RECORD, reason="broken")) == []


def changes(*rows: tuple[str, str, str | None]) -> pa.Table:
    """Rows of record id, kind of change, and fields that came as a diff."""
    names = ("record_id", "change_type", "diff_fields")
    columns = [pa.array([row[n] for row in rows], pa.large_string()) for n in range(3)]
    return pa.table(dict(zip(names, columns, strict=True)))


def test_doubtful_is_a_record_with_a_diff_and_one_that_was_never_seen_whole() -> None:
    new = changes(
        ("diffed and known", "update", "notes"),
        ("known", "update", None),
        ("new and whole", "create", None),
        ("new and whole", "update", None),
        ("whole by a read", "update", None),
        ("whole by a read", "snapshot", None),
        ("new in part", "update", None),
        ("new and deleted", "delete", None),
        ("new and diffed", "create", "notes"),
    )
    known = ["known", "diffed and known"]
    wanted = ["diffed and known", "new and deleted", "new and diffed", "new in part"]
    assert doubtful_records(new, known) == wanted
    assert doubtful_records(changes(("known", "update", None)), known) == []


def test_an_incomplete_record_is_asked_for_behind_its_newest_change() -> None:
    wanted = RereadRequest("lane/1", "Case", NOT_IN_QUARANTINE, RECORD, Cause.INCOMPLETE, ORDER, None, AT)
    assert asked_by_incomplete("Case", [(RECORD, ORDER, AT, "lane/1")]) == [wanted]


def test_a_finding_asks_for_its_record_when_a_query_can_name_it() -> None:
    found = [FoundChange(each, ORDER, "lane/1", ()) for each in (RECORD, "500", 19 * "0")]
    wanted = RereadRequest("lane/1", "Case", NOT_IN_QUARANTINE, RECORD, Cause.FIELD, ORDER, None, AT)
    assert rereads_for_findings("Case", found) == [wanted]


@pytest.mark.parametrize("since", [None, AT - timedelta(days=3)])
def test_a_gap_of_a_stream_asks_for_each_object_before_any_change_of_its_end(since: datetime | None) -> None:
    found = rereads_for_gap("lane/1", ["Case", "Lead"], since, AT)
    order = change_order(AT_MS, 0, 0)
    assert found == [
        RereadRequest("lane/1", name, NOT_IN_QUARANTINE, None, Cause.HOLE, order, since, AT)
        for name in ("Case", "Lead")
    ]


def test_the_rows_of_the_table_are_open_and_were_never_tried() -> None:
    asked = rereads_for_gap("lane/1", ["Case"], None, AT)
    [row] = reread_table(asked, AT + timedelta(seconds=1)).to_pylist()
    wanted: dict[str, Any] = dict.fromkeys(column.name for column in REREAD_COLUMNS)
    wanted |= asked[0]._asdict() | {"attempts": 0, "asked_at": AT + timedelta(seconds=1)}
    assert row == wanted
