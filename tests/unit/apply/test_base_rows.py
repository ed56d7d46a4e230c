"""Bases are rows and rows are bases; the changes that a base stands for are known by their
places.
"""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from schemas.tables import arrow_schema, base_columns
from tests.support.builders.changes import SPEC, change, histories
from transforms.apply.base_rows import StoredBase, base_table, fingerprint, read_bases, split_fingerprints
from transforms.apply.fold import sum_up


def stored(changes) -> StoredBase:
    base = sum_up(changes, SPEC)
    assert base is not None
    return StoredBase(base, frozenset(fingerprint(each.change_order) for each in changes))


def read_back(*bases: StoredBase) -> dict[str, StoredBase]:
    table = base_table(bases, SPEC)
    assert table.schema == arrow_schema(base_columns(SPEC))
    return read_bases((tuple(row.values()) for row in table.to_pylist()), SPEC)


@given(histories())
def test_a_base_is_read_as_it_was_written(changes) -> None:
    base = stored(changes)
    assert read_back(base) == {"r1": base}


@pytest.mark.parametrize("names", [frozenset(), frozenset({"c"}), frozenset({"a", "c"})])
def test_doubts_and_unknown_columns_are_read_as_they_were_written(names: frozenset[str]) -> None:
    plain = stored([change(1, "CREATE", (1, 2, "x"))])
    base = replace(plain, base=replace(plain.base, doubtful=names, grown=names))
    assert read_back(base) == {"r1": base}


def test_each_record_has_its_own_row() -> None:
    one = stored([change(1, "CREATE", (1, 2, "x"))])
    other = stored([change(2, "CREATE", (3, 4, "y"), record_id="r2"), change(3, "DELETE", record_id="r2")])
    assert read_back(one, other) == {"r1": one, "r2": other}


def test_a_base_stands_for_its_changes_and_for_no_other() -> None:
    changes = [change(number) for number in range(1, 40)]
    base = read_back(stored(changes[:-1]))["r1"]
    assert [base.covers(each.change_order) for each in changes] == [True] * 38 + [False]
    assert base.order == changes[-2].change_order


@given(st.sets(st.text()))
def test_joined_fingerprints_are_told_apart(places: set[str]) -> None:
    marks = {fingerprint(each) for each in places}
    assert {len(each) for each in marks} <= {11}
    assert split_fingerprints("".join(sorted(marks))) == marks
