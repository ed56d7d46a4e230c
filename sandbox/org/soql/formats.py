"""`FORMAT()`: values as the user's locale writes them, English (United Kingdom) with the org's
dollars (SOQL and SOSL Reference, "FORMAT()").
"""

from decimal import Decimal, InvalidOperation

_CURRENCY_SYMBOL = "$"
_NUMBERS = frozenset({"int", "long", "double"})


def formatted(value: str | int | float | None, kind: str) -> str | int | float | None:
    """A stored value in the words of the locale; what has none of its own is left as it is, None
    too.
    """
    if value is None:
        return None
    try:
        if kind == "currency":
            number = Decimal(str(value))
            return f"{'-' if number < 0 else ''}{_CURRENCY_SYMBOL}{abs(number):,.2f}"
        if kind == "percent":
            return f"{_grouped(value)}%"
        if kind in _NUMBERS:
            return _grouped(value)
    except InvalidOperation:
        return value  # an unchecked write has left what is no number
    text = str(value)
    if kind == "date":
        return _day(text)
    return f"{_day(text)}, {text[11:16]}" if kind == "datetime" else value


def _grouped(value: object) -> str:
    number = Decimal(str(value))
    whole = number == number.to_integral_value()
    return f"{number.quantize(Decimal(1)) if whole else number.normalize():,f}"


def _day(text: str) -> str:
    year, month, day = text[:10].split("-") if text[:10].count("-") == 2 else ("", "", "")
    return f"{day}/{month}/{year}" if year else text
