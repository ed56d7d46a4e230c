"""A value at the edge of what its field takes, field type by field type."""

from typing import Any

import pytest

from schemas.catalogue import FieldSpec, FieldType
from schemas.salesforce.describe import DescribedField
from transforms.writeback.validate_values import UnfitError, value_check


def check(
    kind: FieldType, value: Any, *, values: tuple[str, ...] | None = None, length: int = 0, **spec: Any
) -> Any:
    if kind is FieldType.REFERENCE:
        spec["references"] = ("Account",)
    described = DescribedField(createable=True, updateable=True, values=values, length=length)
    return value_check(FieldSpec(type=kind, **spec), described)(value)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (FieldType.INT, 2**31 - 1, 2**31 - 1), (FieldType.INT, -(2**31) + 1, -(2**31) + 1), (FieldType.INT, 5.0, 5),
        (FieldType.DOUBLE, 10**16 - 1, 10**16 - 1), (FieldType.DOUBLE, 0.123456, 0.123456),
        (FieldType.CURRENCY, 1.25, 1.25), (FieldType.CURRENCY, 1e-2, 0.01), (FieldType.CURRENCY, 100.0, 100.0),
        (FieldType.CURRENCY, 7, 7), (FieldType.CURRENCY, 10**16 - 1, 10**16 - 1), (FieldType.BOOLEAN, False, False),
        (FieldType.DATE, "1700-01-01", "1700-01-01"), (FieldType.DATE, "4000-12-31", "4000-12-31"),
        (FieldType.EMAIL, "a@b.c", "a@b.c"), (FieldType.EMAIL, "", None), (FieldType.STRING, " \n ", None),
        (FieldType.STRING, " a ", " a "), (FieldType.REFERENCE, "", None),
    ],
)  # fmt: skip
def test_the_last_value_that_fits_is_stored(kind: FieldType, value: Any, stored: Any) -> None:
    found = check(kind, value)
    assert (found, type(found)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (FieldType.INT, 2**31, "up to 2,147,483,647"), (FieldType.INT, -(2**31), "up to 2,147,483,647"),
        (FieldType.INT, 5.5, "not a number"), (FieldType.INT, None, "not null"), (FieldType.INT, b"5", "not this"),
        (FieldType.DOUBLE, 10**16, "below 10^16"), (FieldType.DOUBLE, -(10**16), "below 10^16"),
        (FieldType.CURRENCY, 1.255, "keeps 2 decimal places"), (FieldType.CURRENCY, 1e-3, "keeps 2 decimal places"),
        (FieldType.BOOLEAN, 1, "not a number"), (FieldType.STRING, True, "not true or false"),
        (FieldType.STRING, {}, "not an object"), (FieldType.STRING, [], "not a list"),
        (FieldType.DATE, "1699-12-31", "1700 to 4000"), (FieldType.DATE, "4001-01-01", "1700 to 4000"),
        (FieldType.EMAIL, "a@b", "e-mail"), (FieldType.REFERENCE, 5, "id as a text"),
    ],
)  # fmt: skip
def test_the_first_value_that_does_not_fit_is_refused_with_what_is_expected(
    kind: FieldType, value: Any, said: str
) -> None:
    with pytest.raises(UnfitError) as refused:
        check(kind, value)
    assert said in str(refused.value)


def test_a_currency_with_other_places_has_other_bounds() -> None:
    assert check(FieldType.CURRENCY, 1.25555, scale=5) == 1.25555
    assert check(FieldType.CURRENCY, 10**13 - 1, scale=5) == 10**13 - 1
    with pytest.raises(UnfitError, match="below 10\\^13"):
        check(FieldType.CURRENCY, 10**13, scale=5)


def test_a_text_has_the_shorter_of_both_lengths() -> None:
    assert check(FieldType.STRING, 5 * "x", length=5) == 5 * "x"
    for length, most in ((5, 5), (300, 255), (0, 255)):
        with pytest.raises(UnfitError, match=f"at most {most} characters, and this has {most + 1}"):
            check(FieldType.STRING, (most + 1) * "x", length=length)


def test_a_restricted_picklist_takes_its_values_in_the_orgs_spelling_and_several_where_it_may() -> None:
    values = ("New", "On Hold")
    assert check(FieldType.PICKLIST, "on hold", values=values) == "On Hold"
    assert check(FieldType.MULTIPICKLIST, "on hold;NEW", values=values) == "On Hold;New"
    assert check(FieldType.MULTIPICKLIST, "", values=values) is None
    assert check(FieldType.PICKLIST, "anything") == "anything"
    for kind, value in ((FieldType.PICKLIST, "New;On Hold"), (FieldType.MULTIPICKLIST, "New;Old")):
        with pytest.raises(UnfitError, match="give one of New, On Hold"):
            check(kind, value, values=values)
    with pytest.raises(UnfitError, match="give one of nothing"):
        check(FieldType.PICKLIST, "New", values=())
