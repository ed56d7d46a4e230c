"""Rows and bases without values are the rows that a fold over the erased changes gives."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from schemas.tables import arrow_schema, change_columns, current_columns
from tests.support.builders.things import SPEC
from transforms.apply.base_rows import StoredBase, base_table, fingerprint
from transforms.apply.fold import LoggedChange, sum_up
from transforms.erasure.changes import erase_changes
from transforms.erasure.curated import erase_rows
from transforms.erasure.fields import erased_columns

RECORD = "a0x000000000001AAA"
AT = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = {
    "record_id": RECORD,
    "changed_at": AT,
    "changed_fields": None,
    "diff_fields": None,
    "isolated_fields": None,
    "commit_user": None,
    "change_origin": None,
    "transaction_key": None,
    "received_at": AT,
    "batch": "lane/1",
    "applied_at": AT,
}


def change(order: str, kind: str, **more: Any) -> dict[str, Any]:
    return HEAD | dict.fromkeys(SPEC.columns.values()) | {"change_order": order, "change_type": kind} | more


CREATE = change("1", "create", title="a", notes="one", email="tg1.1.a", count=3)
CHANGES = {
    "whole": [CREATE],
    "updated": [CREATE, change("2", "update", changed_fields="title,count", title="b", count=4)],
    # A diff that fits no text leaves it doubtful.
    "doubtful": [CREATE, change("2", "update", changed_fields="notes", diff_fields="notes", notes="@@ no")],
    "isolated": [CREATE, change("2", "update", changed_fields="count,title", isolated_fields="count")],
    "deleted": [CREATE, change("2", "delete")],
    "never whole": [change("1", "update", changed_fields="title", title="b")],
}


def base_of(rows: list[dict[str, Any]]) -> pa.Table:
    names = [*LoggedChange.__slots__][:-1]
    logged = [
        LoggedChange(*(*(row[name] for name in names), [row[name] for name in SPEC.columns.values()]))
        for row in rows
    ]
    base = sum_up(logged, SPEC)
    assert base is not None
    covered = frozenset(fingerprint(each.change_order) for each in logged)
    return base_table([StoredBase(base, covered)], SPEC)


@pytest.mark.parametrize("name", CHANGES)
def test_an_erased_base_is_the_base_of_the_erased_changes(name: str) -> None:
    rows = CHANGES[name]
    log = pa.Table.from_pylist(rows, schema=arrow_schema(change_columns(SPEC)))
    erased_log = erase_changes(log, SPEC, {RECORD}).to_pylist()
    assert erase_rows(base_of(rows), SPEC).to_pylist() == base_of(erased_log).to_pylist()


def test_an_erased_row_keeps_what_adds_up_and_says_what_is_gone() -> None:
    columns = current_columns(SPEC)
    row = dict.fromkeys((column.name for column in columns), None)
    row |= {"record_id": RECORD, "title": "a", "count": 3, "unknown_fields": "score", "is_complete": True}
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(columns)])
    (after,) = erase_rows(pa.Table.from_pylist([row], schema=schema), SPEC).to_pylist()
    assert (after["record_id"], after["count"], after["title"], after["is_complete"]) == (
        RECORD,
        3,
        None,
        True,
    )
    assert after["unknown_fields"] == ",".join(sorted({"score", *erased_columns(SPEC)}))
