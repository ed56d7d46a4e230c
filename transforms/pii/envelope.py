"""The parts of an event around its values: its schema, its place and its header.

Salesforce writes them, and each has a form (Change Data Capture Developer Guide, "Change Event
Header Fields"). A part of another form may be anything, so it is encrypted as an unknown field is.
It stays in its place, and the event is refused as it would be in plaintext.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.ingest.raw import ERASED_MARK

PARTS: Final = frozenset({"schema", "payload", "event"})
Hide = Callable[[object], str]
"""From a value to its token; a token stays as it is."""
_Form = Callable[[Any], object]
"""Takes a value; gives something true when it has the form."""


def _text(pattern: str) -> _Form:
    matches = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: value.__class__ is str and matches(value)


def _repeated(pattern: str) -> _Form:
    """As `_text`, of words that recur: a look-up costs a fifth of a match."""
    matches = lru_cache(maxsize=4_096)(re.compile(pattern, re.ASCII).fullmatch)
    return lambda value: value.__class__ is str and matches(value)


_is_digits = _text(r"[+-]?\d{1,30}")


def _is_number(value: Any) -> object:
    return value.__class__ in (int, float) or _is_digits(value)


_is_word = _repeated(r"\w{1,80}")
_is_key = _text(r"[\w.:-]*")
_is_schema = _repeated(r"[\w.:-]*")
_is_path = _repeated(r"[\w.-]{1,255}")
_is_id = _text(r"[0-9A-Za-z]{0,18}|[0-9A-Za-z]{1,17}\*")
_PLACE: Mapping[str, _Form] = {"replayId": _is_number, "EventApiName": _is_word, "EventUuid": _is_key}
_HEADER: Mapping[str, _Form] = {
    "entityName": _is_word,
    "changeType": _is_word,
    "changeOrigin": _repeated(r"[\w./;=+:-]*"),
    "transactionKey": _is_key,
    "commitUser": _is_id,
    "commitTimestamp": _is_number,
    "commitNumber": _is_number,
    "sequenceNumber": _is_number,
    # One id in the place of a list refuses the event, and an erasure must find it.
    "recordIds": _is_id,
    ERASED_MARK: lambda value: value is True,
}
_LISTS: Mapping[str, _Form] = {
    "recordIds": _is_id,
    "changedFields": _is_path,
    "nulledFields": _is_path,
    "diffFields": _is_path,
}


def hide_odd_parts(data: dict[str, Any], header: object, hide: Hide) -> None:
    """Encrypt, in place, the parts of an event and of its header that have not their form."""
    for part in data.keys() - PARTS:
        # A message with a misspelt part is still JSON: beside the known parts may be anything.
        data[part] = hide(data[part])
    schema, place = data.get("schema"), data.get("event")
    if schema is not None and not _is_schema(schema):
        data["schema"] = _hidden(schema, hide)
    if isinstance(place, dict):
        _hide_values(place, _PLACE, {}, hide)
    elif place is not None:
        data["event"] = _hidden(place, hide)
    if isinstance(header, dict):
        _hide_values(header, _HEADER, _LISTS, hide)


def _hide_values(
    place: dict[str, Any], forms: Mapping[str, _Form], lists: Mapping[str, _Form], hide: Hide
) -> None:
    for name, value in place.items():
        form = forms.get(name)
        if value is None or (form is not None and form(value)):
            continue
        is_one = lists.get(name)
        if is_one is None:
            place[name] = _hidden(value, hide)
        elif value.__class__ is not list:
            place[name] = [hide(value)]
        elif not all(map(is_one, value)):
            place[name] = [each if is_one(each) else hide(each) for each in value]


def _hidden(value: object, hide: Hide) -> object:
    """The token of an odd part: of a text as a text, of anything else as `[token]`, which fits no
    part.
    """
    inner = value[0] if isinstance(value, list) and len(value) == 1 else None
    if isinstance(inner, str) and hide(inner) == inner:
        return value
    return hide(value) if isinstance(value, str) and "\x00" not in value else [hide(value)]
