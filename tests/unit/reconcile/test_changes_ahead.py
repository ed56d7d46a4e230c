"""A change ahead of the clock as a row of quarantine: its place, its message, and what is
counted.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.ops_tables import EVENT_BYTES, QUARANTINE_COLUMNS
from tests.support.builders.changes import SPEC
from transforms.pii import HEADER
from transforms.reconcile.changes_ahead import NO_PLACE, moved_counts, refused_rows

AHEAD, NOW = datetime(2100, 1, 1, tzinfo=UTC), datetime(2026, 9, 21, tzinfo=UTC)


def logged(batch: str = "lane/7", **changed: Any) -> dict[str, Any]:
    return {
        "batch": batch, "record_id": "r1", "change_order": "4102444800000.000000000012.000003",
        "change_type": "update", "changed_at": AHEAD, "received_at": NOW, "changed_fields": "a,c",
        "isolated_fields": None, "change_origin": "client=x", "transaction_key": "t", "commit_user": "005A",
        "a": 1, "b": 2, "c": "x", **changed,
    }  # fmt: skip


def payload(**changed: Any) -> dict[str, Any]:
    [row] = refused_rows([logged(**changed)], SPEC, {}, NOW)
    found: dict[str, Any] = orjson.loads(row["event"])["payload"]
    return found


def test_a_row_has_every_column_and_names_the_time_that_has_not_come() -> None:
    [row] = refused_rows([logged()], SPEC, {}, NOW)
    assert list(row) == [column.name for column in QUARANTINE_COLUMNS]
    assert (row["batch"], row["object"], row["record_id"]) == ("lane/7", "Thing__c", "r1")
    assert (row["received_at"], row["quarantined_at"]) == (NOW, NOW)
    assert "2100-01-01 00:00:00 UTC lies ahead" in row["detail"]


@pytest.mark.parametrize(
    ("highest", "first"),
    [(0, NO_PLACE), (7, NO_PLACE), (NO_PLACE - 1, NO_PLACE), (NO_PLACE + 4, NO_PLACE + 5)],
)
def test_ordinals_go_on_from_those_that_have_no_place_batch_by_batch(highest: int, first: int) -> None:
    rows = refused_rows([logged(), logged("other"), logged(), logged()], SPEC, {"lane/7": highest}, NOW)
    assert [(row["batch"], row["ordinal"]) for row in rows] == [
        ("lane/7", first), ("other", NO_PLACE), ("lane/7", first + 1), ("lane/7", first + 2),
    ]  # fmt: skip


def test_the_message_is_put_together_from_what_the_log_holds() -> None:
    found = payload()
    assert found.pop(HEADER) == {
        "entityName": "Thing__c", "recordIds": ["r1"], "changeType": "UPDATE", "changeOrigin": "client=x",
        "transactionKey": "t", "sequenceNumber": 3, "commitTimestamp": 4_102_444_800_000, "commitNumber": 12,
        "commitUser": "005A",
    }  # fmt: skip
    assert found == {"A__c": 1, "C__c": "x"}


def test_a_whole_record_has_all_values_but_those_that_are_empty() -> None:
    found = payload(changed_fields=None, b=None)
    assert {name for name in found if name != HEADER} == {"A__c", "C__c"}


def test_a_message_that_does_not_fit_is_its_header() -> None:
    room = EVENT_BYTES - len(orjson.dumps({"payload": payload(c="")}))
    assert payload(c=room * "x")["C__c"] == room * "x"
    assert list(payload(c=(room + 1) * "x")) == [HEADER]


def test_changes_and_their_isolated_fields_are_counted_by_batch() -> None:
    some = [logged(), logged(isolated_fields="a"), logged("other", isolated_fields="a,b")]
    assert moved_counts(some) == {"lane/7": (2, 1), "other": (1, 2)}
    assert moved_counts([]) == {}


def test_changes_and_isolated_fields_of_a_batch_add_up() -> None:
    logged = [
        {"batch": name, "isolated_fields": fields}
        for name, fields in (("b", "a,c"), ("b", None), ("b", "a"), ("d", ""))
    ]
    assert moved_counts(logged) == {"b": (3, 3), "d": (1, 0)}
