"""The fast path gives the rows of the slow one: net rows, merged into what was there, are the
fold.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.change_types import CREATE, DELETE, UPDATE
from schemas.tables import arrow_schema, current_columns, history_columns, net_columns, staged_columns
from tests.support.builders.changes import APPLIED_AT, COLUMNS, SPEC, change, histories, staged
from transforms.apply.fold import LoggedChange, Version, fold
from transforms.apply.net_changes import NetRows, first_current_rows, first_history_rows


def by_record(changes: list[LoggedChange]) -> dict[str, list[LoggedChange]]:
    found: defaultdict[str, list[LoggedChange]] = defaultdict(list)
    for each in changes:
        found[each.record_id].append(each)
    return found


def every_row(changes: pa.Table, spec: ObjectSpec = SPEC) -> pa.Table:
    net = NetRows(changes, spec, applied_at=APPLIED_AT)
    return net.table(np.ones(len(changes), np.bool_))


def net(changes: list[LoggedChange]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = every_row(staged(changes)).to_pylist()
    return rows


def merged(row: dict[str, Any], before: Version | None) -> tuple[Any, ...]:
    """The effect of `clients.warehouse.sql.apply` for a net row: one CASE a column."""
    values = [
        row[column] if row["set_0"] >> place & 1 else (before.values[place] if before else None)
        for place, column in enumerate(COLUMNS)
    ]
    is_deleted = row["is_deleted"] if row["sets_deleted"] else bool(before and before.is_deleted)
    is_complete = row["is_complete"] or bool(before and before.is_complete)
    version = (before.version if before else 0) + row["version_step"]
    return (
        *values,
        is_deleted,
        is_complete,
        version,
        row["changed_at"],
        row["valid_to"],
        row["change_order"],
    )


def expected(version: Version) -> tuple[Any, ...]:
    state = (version.is_deleted, version.is_complete, version.version)
    return (*version.values, *state, version.valid_from, version.valid_to, version.change_order)


@given(histories(records=3, most=12), st.integers(0, 6), st.randoms(use_true_random=False))
def test_net_rows_merged_into_the_row_before_them_are_the_fold(changes, cut: int, chance) -> None:
    before, group = changes[:cut], changes[cut:]
    if not group:
        return
    chance.shuffle(group)  # the group's rows come in the order of its batches
    standing = {record: fold(some, SPEC)[-1] for record, some in by_record(before).items()}
    rows = by_record_rows(net(group))
    for record, some in by_record(group).items():
        whole = fold([*by_record(before)[record], *some], SPEC)
        found = [merged(row, standing.get(record)) for row in rows[record]]
        assert found == [expected(version) for version in whole[-len(some) :]]


def by_record_rows(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["record_id"]].append(row)
    return found


@given(histories(records=3, most=12))
def test_the_net_rows_of_new_records_are_their_history(changes) -> None:
    table = every_row(staged(changes))
    rows = first_history_rows(table, SPEC)
    assert rows.schema == arrow_schema(history_columns(SPEC))
    found = [
        (*(row[c] for c in COLUMNS), *state(row), row["valid_from"], row["valid_to"])
        for row in rows.to_pylist()
    ]
    folded = [version for some in sorted_records(changes) for version in fold(some, SPEC)]
    assert found == [expected(version)[:-1] for version in folded]


@given(histories(records=3, most=12))
def test_the_last_net_row_of_a_new_record_is_its_current_row(changes) -> None:
    table = every_row(staged(changes))
    rows = first_current_rows(table.filter(table["is_current"]), SPEC)
    assert rows.schema == arrow_schema(current_columns(SPEC))
    found = [
        (*(row[c] for c in COLUMNS), *state(row), row["changed_at"], None, row["last_change_order"])
        for row in rows.to_pylist()
    ]
    assert found == [expected(fold(some, SPEC)[-1]) for some in sorted_records(changes)]


def sorted_records(changes: list[LoggedChange]) -> list[list[LoggedChange]]:
    return [some for _, some in sorted(by_record(changes).items())]


def state(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["is_deleted"], row["is_complete"], row["version"])


def test_a_net_row_carries_what_the_changes_before_it_set() -> None:
    changes = [
        change(1, UPDATE, (1, None, None), changed="a"),
        change(2, UPDATE, (None, 2, None), changed="b"),
        change(3, UPDATE, (None, None, None), changed="a"),
    ]
    assert [(row["set_0"], row["a"], row["b"]) for row in net(changes)] == [
        (0b01, 1, None),
        (0b11, 1, 2),
        (0b11, None, 2),
    ]


def test_a_record_never_carries_what_another_set() -> None:
    changes = [
        change(1, CREATE, (1, 2, "x"), record_id="r1"),
        change(2, UPDATE, record_id="r2"),
        change(3, DELETE, record_id="r2"),
    ]
    assert [(row["set_0"], row["a"]) for row in net(changes)] == [(0b111, 1), (0, None), (0, None)]


def test_fields_beyond_one_mask_are_marked_in_the_next() -> None:
    fields = {f"F{place}__c": {"type": "int"} for place in range(130)}
    wide = {"label": "Wide", "key_prefix": "a0y", "fields": fields}
    spec = Catalogue.model_validate({"objects": {"Wide__c": wide}}).object("Wide__c")
    row = dict.fromkeys(("record_id", "change_order", "batch"), "x") | {
        "change_type": UPDATE,
        "changed_at": APPLIED_AT,
        "received_at": APPLIED_AT,
        "changed_fields": "f0,f59,f60,f129",
        **dict.fromkeys(["f0", "f59", "f60", "f129"], 7),
    }
    table = pa.Table.from_pylist([row], schema=staged_schema(spec))
    (found,) = every_row(table, spec).to_pylist()
    assert (found["set_0"], found["set_1"], found["set_2"]) == (1 | 1 << 59, 1, 1 << 9)


def staged_schema(spec: Any) -> pa.Schema:
    return arrow_schema(staged_columns(spec))


def test_net_rows_have_the_columns_that_the_sql_reads() -> None:
    table = every_row(staged([change(1)]))
    assert table.schema == arrow_schema(net_columns(SPEC))


def test_a_field_that_the_catalogue_has_no_more_is_not_set_and_not_unknown() -> None:
    changes = staged([change(1, UPDATE, (3, None, None), changed="a,gone_col")])
    rows = NetRows(changes, SPEC, applied_at=APPLIED_AT, unknown_before={"r1": "b,gone_col"})
    [row] = rows.table(np.ones(1, np.bool_)).to_pylist()
    assert (row["set_0"], row["unknown_fields"]) == (1, "b")


def test_a_delete_that_names_no_fields_sets_none() -> None:
    named_nothing = replace(change(2, DELETE), changed_fields=None)
    rows = net([change(1, CREATE, (1, 2, "x"), record_id="r0"), named_nothing])
    assert [row["set_0"] for row in rows] == [0b111, 0]


@given(histories(records=3, most=12), st.integers(0, 6))
def test_what_is_unknown_after_each_net_row_is_what_the_fold_says(changes, cut: int) -> None:
    before, group = changes[:cut], changes[cut:]
    if not group:
        return
    folded = {record: fold(some, SPEC) for record, some in by_record(changes).items()}
    standing = {record: fold(some, SPEC)[-1].unknown_fields for record, some in by_record(before).items()}
    unknown = {record: names for record, names in standing.items() if names}
    made = NetRows(staged(group), SPEC, applied_at=APPLIED_AT, unknown_before=unknown)
    rows = by_record_rows(made.table(np.ones(len(group), np.bool_)).to_pylist())
    for record, some in by_record(group).items():
        assert [row["unknown_fields"] for row in rows[record]] == [
            version.unknown_fields for version in folded[record][-len(some) :]
        ]


def test_of_new_records_what_their_changes_could_not_hold_is_unknown() -> None:
    rows = net(
        [change(1, CREATE, (1, None, "x"), isolated="b"), change(2, UPDATE, (2, None, None), changed="a")]
    )
    assert [row["unknown_fields"] for row in rows] == ["b", "b"]


def test_a_delete_leaves_what_is_unknown() -> None:
    deleted = replace(change(2, DELETE), changed_fields=None)
    rows = net([change(1, CREATE, (1, None, "x"), isolated="b"), deleted])
    assert [row["unknown_fields"] for row in rows] == ["b", "b"]
