"""A declared rule says the same of a value by itself and of a column of them."""

from decimal import Decimal
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
