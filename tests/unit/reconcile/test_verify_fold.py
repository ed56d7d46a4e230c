"""Curated rows are held against the fold: what is right passes, and each thing that is not is
found.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue
from schemas.reconcile import Grain, Range
from transforms.apply.base_rows import StoredBase
from transforms.apply.fold import HEAD, LoggedChange, fold, sum_up
from transforms.reconcile.bucket_moves import add_moves
from transforms.reconcile.buckets import BucketPlace, Moving
from transforms.reconcile.verify_fold import check_log, current_row, history_row

SPEC = Catalogue.model_validate(
    {
        "objects": {
            "Thing__c": {
                "label": "Thing",
                "key_prefix": "a0x",
                "history": True,
                "fields": {"LastModifiedDate": {"type": "datetime"}, "Amount__c": {"type": "double"}},
            }
        }
    }
).object("Thing__c")
NOON = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]

KINDS = st.sampled_from(["create", "update", "update", "delete", "undelete", "snapshot"])
CHANGES = st.lists(st.tuples(st.integers(0, 3), KINDS, st.integers(0, 60), st.booleans()), max_size=25)


def logged(changes: list[tuple[int, str, int, bool]]) -> list[Row]:
    """Rows of the change log, each a second after the one before it."""
    rows = []
    for number, (record, kind, minutes, sets_amount) in enumerate(changes):
        at = NOON + timedelta(seconds=number)
        changed = None
        if kind == "update":
            changed = "last_modified_date,amount" if sets_amount else "last_modified_date"
        values = (None, None) if kind == "delete" else (NOON - timedelta(minutes=minutes), float(minutes))
        rows.append((f"r{record}", f"{number:03d}", kind, at, changed, None, None, "lane/1", at, *values))
    return rows


def curated(changes: list[Row]) -> Tables:
    """The state that follows from the log."""
    current, history = [], []
    for record in sorted({row[0] for row in changes}):
        versions = fold(
            [LoggedChange(*(*row[:HEAD], row[HEAD:])) for row in changes if row[0] == record], SPEC
        )
        current.append(current_row(versions[-1]))
        history += [history_row(version) for version in versions]
    return {"current": current, "history": history}


@given(CHANGES)
def test_what_follows_from_the_log_is_not_altered(changes: list[tuple[int, str, int, bool]]) -> None:
    rows = logged(changes)
    tables = curated(rows)
    checked = check_log(rows, reversed(tables["current"]), reversed(tables["history"]), SPEC)
    assert checked.altered == []
    assert checked.records == len({row[0] for row in rows})


def _value(tables: Tables) -> None:
    tables["current"][0] = (tables["current"][0][0], NOON, 99.5, *tables["current"][0][3:])


def _double(tables: Tables) -> None:
    tables["current"].append(tables["current"][0])


def _missing(tables: Tables) -> None:
    tables["current"].pop(0)


def _unknown(tables: Tables) -> None:
    tables["current"].append(("r9", *tables["current"][0][1:]))


def _open_version(tables: Tables) -> None:
    tables["history"].pop(0)


def _old_value(tables: Tables) -> None:
    first = tables["history"][0]
    tables["history"][0] = (first[0], first[1], 99.5, *first[3:])


@pytest.mark.parametrize(
    ("alter", "record", "is_duplicate"),
    [
        (_value, "r0", False),
        (_double, "r0", True),
        (_missing, "r0", False),
        (_unknown, "r9", False),
        (_open_version, "r0", False),
        (_old_value, "r0", False),
    ],
)
def test_every_alteration_is_found(
    alter: Callable[[Tables], None],
    record: str,
    is_duplicate: bool,
) -> None:
    rows = logged([(0, "create", 5, True), (1, "create", 6, True), (0, "update", 7, True)])
    tables = curated(rows)
    alter(tables)
    [found] = check_log(rows, tables["current"], tables["history"], SPEC).altered
    assert (found.record_id, found.is_duplicate) == (record, is_duplicate)
    if alter is _value:
        assert found.columns == ("last_modified_date", "amount")


@given(CHANGES, st.integers(0, 25))
def test_the_steps_of_the_log_end_where_the_fold_ends(
    changes: list[tuple[int, str, int, bool]], begins: int
) -> None:
    rows = logged(changes)
    moving = Moving()
    since = round((NOON + timedelta(seconds=begins)).timestamp() * 1_000)
    slim = [(row[0], row[1], row[2], row[3], row[4], row[HEAD], row[HEAD + 1]) for row in rows]
    columns = ["last_modified_date", "amount"]
    add_moves(moving, slim, columns, since_ms=since, grain=Grain.DAY, ranges=(Range(),))
    places: dict[str, BucketPlace | None] = dict(moving.before)
    for step in sorted(moving.steps, key=lambda step: step.at_ms):
        places[step.record_id] = step.after
    for row in curated(rows)["current"]:
        record_id, lmd, amount, is_deleted = row[:4]
        place = places.pop(record_id)
        if is_deleted or lmd is None:
            assert place is None
        else:
            assert place is not None
            assert (place.lmd_ms, place.numbers) == (round(lmd.timestamp() * 1_000), (amount or 0.0,))
    assert places == {}


def test_a_row_that_names_a_field_which_the_catalogue_has_no_more_follows_from_the_log() -> None:
    rows = logged([(0, "create", 1, False)])
    tables = curated(rows)
    for name, found in tables.items():
        place = 1 + len(SPEC.columns) + 2
        assert found[0][place] is None
        tables[name] = [(*row[:place], "gone_col", *row[place + 1 :]) for row in found]
    assert check_log(rows, tables["current"], tables["history"], SPEC).altered == []


@given(CHANGES, st.integers(1, 24))
def test_versions_before_a_base_are_not_compared_and_all_later_ones_are(
    changes: list[tuple[int, str, int, bool]], cut: int
) -> None:
    rows = logged(changes)
    old, left = rows[:cut], rows[cut:]
    bases = {}
    for record in {row[0] for row in old}:
        logged_before = [LoggedChange(*(*row[:HEAD], row[HEAD:])) for row in old if row[0] == record]
        base = sum_up(logged_before, SPEC)
        assert base is not None
        bases[record] = StoredBase(base, frozenset())
    tables = curated(rows)
    checked = check_log(left, tables["current"], tables["history"], SPEC, bases)
    assert (checked.records, checked.altered) == (len({row[0] for row in rows}), [])
    if left:
        newest = max(range(len(tables["history"])), key=lambda place: tables["history"][place][-4])
        record = tables["history"].pop(newest)[0]
        [found] = check_log(left, tables["current"], tables["history"], SPEC, bases).altered
        assert (found.record_id, found.columns) == (record, ())


def test_of_an_object_without_history_none_is_compared() -> None:
    spec = SPEC.model_copy(update={"history": False})
    rows = logged([(0, "create", 5, True)])
    assert check_log(rows, curated(rows)["current"], [], spec).altered == []
    assert check_log(rows, curated(rows)["current"], [], SPEC).altered == [("r0", (), False)]
