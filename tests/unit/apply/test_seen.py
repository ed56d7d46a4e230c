"""Which records need the fold, what staged columns become, and the order of commits."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pyarrow as pa
import pytest

from activities.apply import commits
from activities.apply.rebuild import logged_by_record
from activities.apply.seen import SeenChanges, grouped_records
from activities.apply.staged_files import with_columns
from clients.warehouse import Transaction
from schemas.errors import StaleCatalogueError
from schemas.ingest.change_types import CREATE, SNAPSHOT, UPDATE
from tests.support.builders.changes import SPEC, change, staged
from transforms.apply.fold import LoggedChange
from transforms.ingest.snapshots import REPAIRS
from transforms.ingest.wide_rows import room

KNOWN = change(5)


def seen(**facts: Any) -> SeenChanges:
    last = {"r1": KNOWN.change_order}
    return SeenChanges(
        SPEC,
        **{"is_new": [], "last_orders": last, "unknown_fields": {}, "is_behind": [], "widths": None, **facts},
    )


@pytest.mark.parametrize(
    ("each", "is_slow"),
    [
        (change(6, changed="a"), False),
        (change(5, changed="a"), True),
        (change(4, changed="a"), True),
        (change(4, changed="a", record_id="r2"), False),
        (change(6, changed="c", diffs="c"), True),
    ],
)
def test_a_change_out_of_order_or_a_diff_needs_the_fold(each: LoggedChange, is_slow: bool) -> None:
    assert seen().slow_records(rows(each)) == ({each.record_id} if is_slow else set())


def rows(*changes: LoggedChange) -> pa.Table:
    table = staged(list(changes))
    diffs = pa.array([each.diff_fields for each in changes], table.schema.field("diff_fields").type)
    return table.set_column(table.column_names.index("diff_fields"), "diff_fields", diffs)


@pytest.mark.parametrize("origin", sorted(REPAIRS))
def test_a_repair_needs_the_fold(origin: str) -> None:
    table = rows(change(6, SNAPSHOT, (1, 2, "x")))
    place = table.column_names.index("change_origin")
    repaired = table.set_column(place, "change_origin", pa.array([origin], pa.large_string()))
    assert seen().slow_records(repaired) == {"r1"}


@pytest.mark.parametrize(
    ("widths", "changes", "unknown", "is_slow"),
    [
        pytest.param(None, 9, "a", False, id="of an object whose records always fit"),
        pytest.param({}, 1, None, False, id="one change of a new record fits"),
        pytest.param({}, 9, None, False, id="so do several that are small"),
        pytest.param({"r1": 10**6}, 1, None, True, id="a change beside a wide row may not"),
        pytest.param({"r1": 1}, 1, None, False, id="beside a small one it does"),
        pytest.param({"r1": 1}, 1, "a", True, id="a row that has an unknown field"),
    ],
)
def test_a_record_that_may_be_too_wide_needs_the_fold(
    widths: dict[str, int] | None, changes: int, unknown: str | None, is_slow: bool
) -> None:
    facts = seen(
        last_orders={} if widths == {} else {"r1": KNOWN.change_order},
        unknown_fields={"r1": unknown} if unknown else {},
        widths=widths,
    )
    facts.spec = SPEC.model_copy(update={"most_row_bytes": 100_000})
    table = rows(*[change(6 + n, CREATE, (1, 2, "x")) for n in range(changes)])
    assert facts.slow_records(table) == ({"r1"} if is_slow else set())


def test_several_changes_that_do_not_fit_together_need_the_fold_and_one_does_not() -> None:
    narrow = SPEC.model_copy(update={"most_row_bytes": 1})
    assert room(narrow) <= 0
    facts = seen(last_orders={}, widths={})
    facts.spec = narrow
    several = rows(change(6, CREATE, (1, 2, "x")), change(7, changed="a"), change(6, CREATE, record_id="r2"))
    assert facts.slow_records(several) == {"r1"}


def test_the_records_of_a_group_are_staged_once_each_in_order() -> None:
    load = grouped_records(
        SPEC, rows(change(1, record_id="b"), change(2, record_id="a"), change(3, record_id="b"))
    )
    assert load.rows.to_pylist() == [{"object": "Thing__c", "record_id": each} for each in "ab"]
    assert load.is_stage


def test_logged_changes_come_by_record_however_they_are_ordered() -> None:
    made = [change(2, record_id="b"), change(1, record_id="a"), change(1, record_id="b")]
    head = LoggedChange.__slots__[:-1]
    found = logged_by_record([(*(getattr(each, name) for name in head), *each.values) for each in made])
    assert found.keys() == {"a", "b"}
    assert found["a"] == [made[1]]
    assert found["b"] == [made[0], made[2]]


def without(table: pa.Table, *names: str) -> pa.Table:
    return table.drop_columns(list(names))


def test_staged_changes_have_the_columns_of_today() -> None:
    """A reading names what it carried, since a later field is unknown in it; an event names its
    own.
    """
    whole, partial = change(1, SNAPSHOT, (1, 2, "x")), change(2, SNAPSHOT, (1, 2, "x"), changed="a")
    table = staged([whole, partial, change(3, CREATE, (1, 2, "x")), change(4, UPDATE, changed="a")])
    assert with_columns(table, SPEC).to_pydict() == table.to_pydict()
    found = with_columns(without(table, "c"), SPEC)
    assert (found.column_names, found["c"].type) == (table.column_names, table["c"].type)
    assert found["c"].null_count == 4
    assert found["changed_fields"].to_pylist() == ["a,b", "a", None, "a"]
    of_ours = with_columns(without(table, "field_findings"), SPEC)
    assert of_ours["changed_fields"].equals(table["changed_fields"])


def test_staged_changes_with_a_column_that_the_catalogue_lacks_are_of_a_newer_one() -> None:
    table = staged([change(1)])
    with pytest.raises(StaleCatalogueError):
        with_columns(table.append_column("d", table["c"]), SPEC)


class Books:
    """A transaction that answers each question by the first rows that are left."""

    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        self._answers = list(answers)

    def fetch(self, statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        assert statement
        assert parameters == ["Case"]
        return self._answers.pop(0)


def following(*answers: list[tuple[Any, ...]]) -> commits.ObjectCommit:
    return commits.next_commit(cast(Transaction, Books(*answers)), "Case")


def test_commits_of_an_object_are_numbered_one_after_another_and_none_stands_before_the_last() -> None:
    ahead = datetime.now(UTC).replace(microsecond=123_000) + timedelta(hours=1)
    assert following([(7, ahead)]) == (8, ahead + timedelta(milliseconds=1))
    number, at = following([(7, ahead - timedelta(days=1))])
    assert number == 8
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert at.microsecond % 1_000 == 0


def test_an_object_without_numbered_commits_begins_after_what_the_ledger_has_of_it() -> None:
    ahead = datetime.now(UTC).replace(microsecond=123_456) + timedelta(hours=1)
    assert following([], [(ahead,)]) == (1, ahead.replace(microsecond=124_000))
    number, at = following([], [(None,)])
    assert number == 1
    assert at <= datetime.now(UTC)
