"""A declared rule says the same of a value by itself and of a column of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import FieldSpec
from schemas.quality import Rule, Severity
from schemas.tables import field_column
from transforms.convert_values import converter
from transforms.misfits import MISFIT, MisfitError, NotedError, landed
from transforms.quality.rules import Check, checks_of, ruled

PREFIXES = {"Account": "001"}
FIELDS: dict[str, dict[str, Any]] = {
    "long": {"type": "long", "min": 0, "max": 9_007_199_254_740_992},
    "half": {"type": "long", "min": 0.5, "max": 1e15},
    "int": {"type": "int", "min": -0.001, "max": 1e15},
    "currency": {"type": "currency", "min": 0.01, "max": 0.3},
    "double": {"type": "double", "min": 0.01, "max": 0.3},
    "decimal": {"type": "double", "scale": 3, "min": -0.001, "max": 1e15},
    "text": {"type": "string", "values": ["a", "b"], "pattern": "[a-c]"},
    "choices": {"type": "multipicklist", "values": ["a", "b"]},
    "reference": {"type": "reference", "references": ["Account", "User"]},
    "moment": {"type": "datetime", "not_after": "now"},
    "day": {"type": "date", "not_after": "now"},
}
VALUES = st.sampled_from([
    *(0, 1, -1, 0.01, 0.3, 0.30000000000000004, -0.001, 9_007_199_254_740_993, 2**63 - 1, 1e15, "a", "c", "a;b", "a;x"),
    *("001000000000001AAA", "005000000000001AAA", "a0x000000000001AAA", "1999-01-01", "3999-01-01"),
    *("1999-01-01T00:00:00Z", "3999-01-01T00:00:00Z"),
])  # fmt: skip


def field(kind: str) -> FieldSpec:
    return FieldSpec.model_validate(FIELDS[kind])


@pytest.mark.parametrize("kind", FIELDS)
@given(values=st.lists(VALUES, max_size=8))
def test_a_column_is_judged_as_its_values_are(kind: str, values: list[Any]) -> None:
    entry = field(kind)
    typed = [None if (found := landed(converter(entry), value)) is MISFIT else found for value in values]
    column = pa.chunked_array([pa.array([*typed, None], field_column("c", entry).arrow)])
    for check in checks_of(entry, PREFIXES):
        expected = [value is not None and check.fails(value) for value in typed]
        assert check.failing(column).tolist() == [*expected, False]


@pytest.mark.parametrize(("kind", "value"), [("currency", 0.01), ("currency", 0.3), ("decimal", -0.001)])
def test_a_bound_is_part_of_what_it_bounds(kind: str, value: float) -> None:
    entry = field(kind)
    assert landed(ruled(converter(entry), checks_of(entry, {})), value) == Decimal(repr(value))


def test_what_follows_is_what_the_severity_says() -> None:
    def never(severity: Severity) -> Check:
        return Check(Rule.MAX, severity, "too much", lambda _: True)

    with pytest.raises(NotedError):
        ruled(lambda value: value, [never(Severity.WARN)])(1)
    for severity in (Severity.ISOLATE, Severity.REJECT):
        with pytest.raises(MisfitError) as caught:
            ruled(lambda value: value, [never(severity)])(1)
        assert caught.value.severity is severity


def test_a_rule_that_is_off_is_not_asked() -> None:
    off = FieldSpec.model_validate(FIELDS["currency"] | {"severity": {"min": "off", "max": "off"}})
    assert checks_of(off, {}) == ()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([*Severity][1:])), min_size=1, max_size=4),
    st.integers(0, 9),
)
def test_a_value_is_told_of_by_each_rule_that_it_breaks_up_to_the_first_that_keeps_it_out(
    bounds: list[tuple[int, Severity]], value: int
) -> None:
    checks = [
        Check(Rule.MAX, severity, str(place), partial(int.__lt__, most))
        for place, (most, severity) in enumerate(bounds)
    ]
    broken = [check for check in checks if check.fails(value)]
    keeping = [check for check in broken if check.severity in (Severity.ISOLATE, Severity.REJECT)]
    judge = ruled(lambda given: given, checks)
    if keeping:
        with pytest.raises(MisfitError) as misfit:
            judge(value)
        assert (str(misfit.value), misfit.value.severity) == (keeping[0].detail, keeping[0].severity)
    elif broken:
        with pytest.raises(NotedError) as noted:
            judge(value)
        assert noted.value.value == value
        assert [note.detail for note in noted.value.notes] == [check.detail for check in broken]
    else:
        assert judge(value) == value


def test_what_a_converter_notes_stays_beside_what_a_rule_says() -> None:
    entry = FieldSpec.model_validate({"type": "currency", "max": 1})
    with pytest.raises(NotedError) as noted:
        ruled(converter(entry), checks_of(entry, {}))(0.994001)
    assert [note.rule for note in noted.value.notes] == [Rule.ROUNDED]
    with pytest.raises(NotedError) as noted:
        ruled(converter(entry), checks_of(entry, {}))(2.005)
    assert [note.rule for note in noted.value.notes] == [Rule.ROUNDED, Rule.MAX]


def test_without_rules_a_converter_stays_as_it_is() -> None:
    convert = converter(field("text"))
    assert ruled(convert, ()) is convert


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", "a", "c"),
        ("text", "b", "x"),
        ("choices", "a;b", "a;x"),
        ("reference", "001000000000001AAA", "003000000000001AAA"),
        ("reference", "005000000000001AAA", "00G000000000001AAA"),
        ("moment", datetime(1999, 1, 1, tzinfo=UTC), datetime(3999, 1, 1, tzinfo=UTC)),
        ("day", date(1999, 1, 1), date(3999, 1, 1)),
        ("day", datetime.now(UTC).date(), datetime.now(UTC).date() + timedelta(days=2)),
        ("long", 0, -1),
        ("long", 9_007_199_254_740_992, 9_007_199_254_740_993),
    ],
)
def test_a_good_value_breaks_no_rule_and_a_bad_one_breaks_one(kind: str, good: Any, bad: Any) -> None:
    checks = checks_of(field(kind), PREFIXES)
    assert not any(check.fails(good) for check in checks)
    assert any(check.fails(bad) for check in checks)


def test_a_text_must_fit_the_whole_pattern() -> None:
    (check,) = checks_of(FieldSpec.model_validate({"type": "string", "pattern": "[a-c]"}), {})
    assert [check.fails(text) for text in ("a", "d", "ab", "")] == [False, True, True, True]


@pytest.mark.parametrize("more", [{"references": ["Account", "Nobody__c"]}, {"pii": "personal"}])
def test_a_reference_is_not_judged_whose_object_is_unknown_or_which_is_encrypted(
    more: dict[str, Any],
) -> None:
    entry = FieldSpec.model_validate({"type": "reference", "references": ["Account"], **more})
    assert checks_of(entry, PREFIXES) == ()


def test_a_reference_to_every_object_that_is_known_is_judged() -> None:
    entry = FieldSpec.model_validate({"type": "reference", "references": ["Account", "Group", "User"]})
    (check,) = checks_of(entry, PREFIXES)
    assert [check.fails(value) for value in ("00G000000000001AAA", "003000000000001AAA")] == [False, True]
