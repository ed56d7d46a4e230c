"""Digests of rows are equal where the rows are, and nowhere else."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from schemas.catalogue import Catalogue
from tests.support.builders.bus import protector
from tests.support.builders.things import ID, SPEC
from transforms.convert_values import converter
from transforms.misfits import MISFIT, landed
from transforms.reconcile.row_digests import (
    FACTS,
    OrgValues,
    compared_fields,
    facts_of,
    facts_of_table,
    field_digests,
    partition,
    row_digest,
    table_of_facts,
)

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
TEXTS = st.text(alphabet="sb1d\x1e\x1f01", max_size=4) | st.text(max_size=4)
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-2, 2).map(lambda number: round(number, 1)),
    st.integers(-150, 150).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.integers(0, 3).map(lambda ms: NOON + timedelta(milliseconds=ms)),
    st.integers(0, 3).map(lambda days: NOON.date() + timedelta(days=days)),
)
ROWS = st.lists(VALUES, min_size=2, max_size=2)


def kinds(row: list[Any]) -> list[tuple[type, Any]]:
    return [(type(value), value) for value in row]


@given(ROWS, ROWS)
@example(["x\x1fsy", "z"], ["x", "y\x1fsz"])
@example(["x\x1e1sy", "z"], ["x\x1fsy", "z"])
@example(["\x1e", "\x1f"], ["\x1e0", "\x1f"])
@example([None, ""], ["", None])
@example([True, 1], [1, True])
def test_rows_have_one_digest_when_they_are_the_same(one: list[Any], other: list[Any]) -> None:
    is_same = kinds(one) == kinds(other)
    assert (row_digest(one) == row_digest(other)) is is_same
    assert (field_digests(one) == field_digests(other)) is is_same
    assert row_digest(list(one)) == row_digest(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal(100), Decimal("1E+2")),
        (Decimal("-0.00"), Decimal(0)),
        (-0.0, 0.0),
        (NOON, NOON.astimezone(timezone(timedelta(hours=2)))),
        (NOON, NOON + timedelta(microseconds=400)),
    ],
)
def test_a_value_has_one_digest_however_a_driver_writes_it(one: Any, other: Any) -> None:
    assert row_digest([one]) == row_digest([other])
    assert field_digests([one]) == field_digests([other])


def test_an_amount_that_rounds_to_nothing_from_below_is_nothing_on_both_sides() -> None:
    convert = converter(SPEC.fields["Amount__c"], SPEC.most_bytes)
    assert row_digest([landed(convert, -0.001)]) == row_digest([Decimal("0.00")])


def test_a_value_that_does_not_fit_is_like_no_value_and_like_itself() -> None:
    assert row_digest([MISFIT]) == row_digest([MISFIT])
    assert len(set(field_digests([MISFIT, None, "", "\xff"]))) == 4


def test_digests_stay_what_they_were_in_earlier_releases() -> None:
    """A reconciliation may begin in one release and end in the next."""
    assert field_digests(["a", 1.5, True, False, NOON, date(2026, 1, 1)]) == [
        -6564837394086784237,
        3183169854960758777,
        -7408814470180438822,
        -7819469506186344681,
        -8947583496468380921,
        -1480511245620624349,
    ]
    assert row_digest(["a", 1, Decimal("1.5")]) == 8664572563154209007


def test_facts_come_back_from_their_table() -> None:
    rows = [(ID, -1, 5, True, True, -7), ("001Tg0000000001AAA", 3, 4, False, True, 2**63 - 1)]
    facts = facts_of(rows)
    assert facts["id"].tolist() == [name.encode() for name, *_ in rows]
    assert facts[["lmd", "stamp", "deleted", "complete", "digest"]].tolist() == [row[1:] for row in rows]
    table = table_of_facts(facts, [[1, 2], [3]])
    assert table["digests"].to_pylist() == [[1, 2], [3]]
    assert np.array_equal(facts_of_table(table), facts)
    assert table_of_facts(facts)["digests"].to_pylist() == [None, None]
    assert len(facts_of_table(table_of_facts(np.empty(0, FACTS)))) == 0


def test_ids_that_were_given_out_one_after_another_spread_over_all_parts() -> None:
    facts = facts_of([(f"001Tg{number:010d}AAA", 0, 0, False, True, 0) for number in range(1_000)])
    parts = np.bincount(partition(facts, 7), minlength=7)
    assert parts.min() > 100


def test_long_texts_are_compared_only_when_they_are_asked_for() -> None:
    short, every = (compared_fields(SPEC, long_texts=long) for long in (False, True))
    assert set(every) - set(short) == {"Notes__c"}
    assert set(every) == set(SPEC.read_fields)


RULED = Catalogue.model_validate(
    {
        "objects": {
            "Thing__c": {
                "label": "Things",
                "key_prefix": "a0x",
                "fields": {
                    "Kind__c": {"type": "picklist", "values": ["a"], "severity": {"values": "isolate"}},
                    "Must__c": {"type": "string", "required": True, "severity": {"required": "isolate"}},
                    "Should__c": {"type": "string", "required": True, "severity": {"required": "warn"}},
                    "May__c": {"type": "string"},
                    "Email__c": {"type": "email", "length": 80, "pii": "personal"},
                    "Amount__c": {"type": "currency"},
                },
            }
        }
    }
)
FIELDS = ("Kind__c", "Must__c", "Should__c", "May__c", "Email__c", "Amount__c")


def org_values(*erased: str) -> OrgValues:
    keeper = protector(RULED)
    keeper.forget(erased)
    return OrgValues(RULED.object("Thing__c"), FIELDS, keeper, {})


def test_a_record_of_the_org_is_typed_as_it_would_land() -> None:
    record = {"Kind__c": "b", "Should__c": "x", "Email__c": "ada@example.org", "Amount__c": 1.5}
    kind, must, should, may, email, amount = org_values().typed(record, ID)
    assert (kind, must, should, may, amount) == (MISFIT, MISFIT, "x", None, Decimal("1.50"))
    assert "ada" not in email
    assert email == org_values().typed(record, ID)[4]
    assert org_values().typed({"Kind__c": "a", "Must__c": "m"}, ID) == ["a", "m", None, None, None, None]


def test_of_an_erased_record_only_what_an_erasure_keeps_is_compared() -> None:
    record = dict.fromkeys(FIELDS[:5], "a") | {"Amount__c": 1.5}
    assert org_values(ID).typed(record, ID) == ["a", MISFIT, MISFIT, MISFIT, MISFIT, Decimal("1.50")]
    other = org_values(ID).typed(record, "a0x000000000009AAA")
    assert other[:4] == ["a", "a", "a", "a"]
