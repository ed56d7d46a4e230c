"""Dates, datetimes and times of day: what is taken of a client, and the form in which it is stored.

A stored date is `YYYY-MM-DD`, a datetime `YYYY-MM-DDTHH:MM:SS.000Z`, a time `HH:MM:SS.mmmZ`; so
texts sort as what they say.
"""

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache

from sandbox.org.errors import SalesforceError, wrong_type

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|\+00:?00)?", re.IGNORECASE)
_DATE_CHARACTERS = 10
_STAMP_CHARACTERS = 19
FIRST_YEAR, LAST_YEAR = "1700", "4000"
"""Of dates and datetimes (SOAP API Developer Guide, "Primitive Data Types": from 1700-01-01 to
4000-12-31).
"""


def checked_date(name: str, value: object) -> str | None:
    """The stored form; raises `SalesforceError`. An empty text is none."""
    if value == "":
        return None
    stored = _stored_date(value) if isinstance(value, str) else None
    if stored is None:
        raise wrong_type(name, "date", value)
    return _within(name, stored, value)


def checked_datetime(name: str, value: object) -> str | None:
    """The stored form, of one-second resolution; raises `SalesforceError`. An empty text is
    none.
    """
    if value == "":
        return None
    stored = _stored_datetime(value) if isinstance(value, str) else None
    if stored is None:
        raise wrong_type(name, "datetime", value)
    return _within(name, stored, value)


def checked_time(name: str, value: object) -> str | None:
    """The stored form; raises `SalesforceError`. Times have milliseconds and no zone (Salesforce
    Help, "Custom Field Types").
    """
    if value == "":
        return None
    stored = stored_time(value) if isinstance(value, str) else None
    if stored is None:
        raise wrong_type(name, "time", value)
    return stored


def stored_time(text: str) -> str | None:
    """The stored form of a time, None for what is none."""
    found = _TIME.fullmatch(text.strip())
    try:
        moment = time.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return None if moment is None else f"{moment.isoformat('milliseconds')}Z"


def _within(name: str, stored: str, value: object) -> str:
    """The error is the one that orgs are seen to give: `invalid date` with the code of numbers."""
    if not FIRST_YEAR <= stored[:4] <= LAST_YEAR:
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", f"{name}: invalid date: {value}", fields=[name])
    return stored


@lru_cache(maxsize=16_384)
def _stored_date(text: str) -> str | None:
    """The stored form of a date, None for what is none. A date with a time loses the time."""
    try:
        return date.fromisoformat(text[:_DATE_CHARACTERS]).isoformat() if _DATE.match(text) else None
    except ValueError:
        return None


@lru_cache(maxsize=16_384)
def _stored_datetime(text: str) -> str | None:
    """The stored form of an ISO 8601 time, None for what is none. Without a zone it is taken as
    UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return f"{text[:4]}-01-01T00:00:00.000Z"
    except ValueError:
        return None
    return f"{zoned.isoformat()[:_STAMP_CHARACTERS]}.000Z"
