"""Values of a Parquet file as JSON has them, so that nothing of them is lost on the way."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_INT64 = 2**63


def plain(value: Any) -> Any:
    """The value in JSON's types; raises `TypeError` for what has no such form."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        # As a text it is refused where a number is wanted, and is not changed on the way.
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _special(value)


def _special(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        return plain(int(value)) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, timedelta):
        raise TypeError("a duration has no form in JSON")
    raise TypeError(type(value).__name__)
