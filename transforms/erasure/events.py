"""Take the values of some records out of raw events. Counts, places and the other records stay.

An event of several records says the same of each. It is divided, so that the erased record's part
goes and the others' stays: the changes of the file remain as many, and in their order.
"""

import re
from collections.abc import Callable, Collection, Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import ObjectSpec
from schemas.ingest.raw import ERASED_MARK, UNREADABLE_OBJECT
from transforms import exact_json
from transforms.erasure.fields import kept_fields
from transforms.pii import HEADER, is_any_token

DETAIL = "the values of the record were erased"
"""In place of a detail about one of its values."""
_PARTS = frozenset({"schema", "payload", "event"})
_SHORT_ID = 15
_HIDDEN_IDS = r'"recordIds":\s*\["?[^\]]*"tg'
"""Record ids of which one was none, and was encrypted when it came."""
Opens = Callable[[str], str]
"""From a token of something unreadable to its text; raises `ValueError` for what is none."""


class ErasedRaw(NamedTuple):
    """A raw table without the values of some records."""

    raw: pa.Table
    changes: int
    """Changes of these records, whether their values went now or before."""
    rewritten: int
    """Those of them whose values went now."""


def erase_events(
    raw: pa.Table, specs: Mapping[str, ObjectSpec], ids: Collection[str], opens: Opens
) -> ErasedRaw:
    """The raw table (columns of `RAW_SCHEMA`) with the records' events erased.

    Args:
        raw: Of a batch.
        specs: Object -> its entry.
        ids: Records, 18 characters each.
        opens: Reads what was encrypted whole, because nobody could read it.
    """
    rows = _suspects(raw, ids)
    if not len(rows):
        return ErasedRaw(raw, 0, 0)
    records = frozenset(ids)
    places: list[int] = []
    counts: list[int] = []
    texts: list[str] = []
    changes = rewritten = last = 0
    for row in rows:
        name, before = raw["object"][row].as_py(), raw["event"][row].as_py()
        if name == UNREADABLE_OBJECT:
            parts, found = _unreadable(before, records, opens)
        else:
            parts, found = erase_event(before, specs.get(name), records, opens)
        changes += found
        if [text for text, _ in parts] == [before]:
            continue
        rewritten += found
        for place in range(last, row):
            places.append(place)
            counts.append(-1)
            texts.append("")
        last = row + 1
        total = raw["changes"][row].as_py()
        for text, count in parts:
            places.append(row)
            counts.append(count if len(parts) > 1 else total)
            texts.append(text)
    if not rewritten:
        return ErasedRaw(raw, changes, 0)
    for place in range(last, len(raw)):
        places.append(place)
        counts.append(-1)
        texts.append("")
    return ErasedRaw(_assembled(raw, places, counts, texts), changes, rewritten)


def _assembled(raw: pa.Table, places: list[int], counts: list[int], texts: list[str]) -> pa.Table:
    """Rows of `raw` by place; where a count is given, it and the text are the row's."""
    table = raw.take(pa.array(places, pa.int64()))
    mask = pa.array(np.array(counts) >= 0)
    new_counts = pc.if_else(mask, pa.array(counts, pa.int32()), table["changes"])
    new_texts = pc.if_else(mask, pa.array(texts, pa.large_string()), table["event"])
    names = table.column_names
    table = table.set_column(names.index("changes"), raw.schema.field("changes"), new_counts)
    return table.set_column(names.index("event"), raw.schema.field("event"), new_texts)


def _suspects(raw: pa.Table, ids: Collection[str]) -> list[int]:
    """Rows that may be of the records: they name one, or nobody knows whom they name."""
    patterns = [*sorted(each[:_SHORT_ID] for each in ids), _HIDDEN_IDS]
    named = pc.match_substring_regex(raw["event"], "|".join(patterns))
    unreadable = pc.equal(raw["object"], UNREADABLE_OBJECT)
    return [int(row) for row in np.flatnonzero(np.asarray(pc.or_(named, unreadable)))]


def erase_event(
    text: str, spec: ObjectSpec | None, ids: frozenset[str], opens: Opens | None = None
) -> tuple[list[tuple[str, int]], int]:
    """An event's JSON as one or more, each with its number of changes; and the changes of the
    records in it.

    Args:
        text: The event's JSON, as it is in raw.
        spec: Its object; None: the catalogue lacks it, so nothing of its payload is kept.
        ids: Records.
        opens: Reads what was encrypted in the place of a record id. None = nothing was.
    """
    data = exact_json.loads_where_needed(text.encode())
    payload = data.get("payload") if isinstance(data, dict) else None
    header = payload.get(HEADER) if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(header, dict):
        return [(text, 1)], 0
    record_ids = header.get("recordIds")
    if (
        not isinstance(record_ids, list)
        or not all(isinstance(each, str) for each in record_ids)
        or (opens is not None and _names_hidden(record_ids, ids, opens))
    ):
        # Nobody can say whose it is, and one of the records is in it.
        erased = _without_values(data, payload, {**header, ERASED_MARK: True}, spec)
        return [(text if header.get(ERASED_MARK) else _written(erased), 1)], 1
    found = sum(each in ids for each in record_ids)
    if not found or header.get(ERASED_MARK) is True:
        return [(text, len(record_ids))], found
    parts: list[tuple[str, int]] = []
    for is_erased, run in groupby(record_ids, key=ids.__contains__):
        named = list(run)
        part = {**header, "recordIds": named}
        if is_erased:
            whole = _without_values(data, payload, {**part, ERASED_MARK: True}, spec)
        else:
            whole = {**data, "payload": {**payload, HEADER: part}}
        parts.append((_written(whole), len(named)))
    return parts, found


def _without_values(
    data: dict[str, Any], payload: dict[str, Any], header: dict[str, Any], spec: ObjectSpec | None
) -> dict[str, Any]:
    """The event with the names of its fields, and the values of those alone that are kept."""
    kept = frozenset[str]() if spec is None else kept_fields(spec)
    compounds: Mapping[str, Mapping[str, str]] = {} if spec is None else spec.compounds
    left: dict[str, Any] = {}
    for name, value in payload.items():
        parts = compounds.get(name)
        if name == HEADER:
            left[name] = {
                part: value if part == "recordIds" else _told(value) for part, value in header.items()
            }
        elif parts is not None and isinstance(value, dict):
            left[name] = {
                part: inner if parts.get(part) in kept and _is_clear(inner) else None
                for part, inner in value.items()
            }
        else:
            left[name] = value if name in kept and _is_clear(value) else None
    rest = {
        part: _told(value) if part in _PARTS else None for part, value in data.items() if part != "payload"
    }
    return {**rest, "payload": left}


def _names_hidden(record_ids: list[str], ids: frozenset[str], opens: Opens) -> bool:
    """True when one of the records is named in what was encrypted in the place of an id."""
    words = "".join(_opened(each, opens) for each in record_ids if is_any_token(each))
    return any(each[:_SHORT_ID] in words for each in ids)


def _told(value: Any) -> Any:
    """A part of the event's envelope, without what was encrypted because it had not its form."""
    if isinstance(value, dict):
        return {name: _told(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [each for each in value if not is_any_token(each)]
    return None if is_any_token(value) else value


def _is_clear(value: object) -> bool:
    """True for one value in plaintext; what was encrypted as unknown may be anything."""
    return not isinstance(value, (dict, list)) and not is_any_token(value)


def _unreadable(text: str, ids: frozenset[str], opens: Opens) -> tuple[list[tuple[str, int]], int]:
    """An event that was encrypted whole: it is the records' when one of them is named in it."""
    data = exact_json.loads_where_needed(text.encode())
    if not isinstance(data, dict) or data.get(ERASED_MARK) is True:
        return [(text, 1)], int(
            isinstance(data, dict) and data.get(ERASED_MARK) is True and _marks(data, ids)
        )
    payload = data.get("payload")
    inside = payload if isinstance(payload, dict) else {}
    values = [*data.values(), *inside.values()]
    words = text + "".join(_opened(value, opens) for value in values if is_any_token(value))
    named = sorted(each for each in ids if each[:_SHORT_ID] in words)
    if not named:
        return [(text, 1)], 0
    left = {part: None if is_any_token(value) else value for part, value in data.items()}
    if isinstance(payload, dict):
        left["payload"] = {name: None if name != HEADER else value for name, value in payload.items()}
    return [(_written({**left, ERASED_MARK: True, "records": named}), 1)], 1


def _marks(data: dict[str, Any], ids: frozenset[str]) -> bool:
    named = data.get("records")
    return isinstance(named, list) and not ids.isdisjoint(named)


def _opened(token: str, opens: Opens) -> str:
    try:
        return opens(token)
    except ValueError:
        return ""


def _written(data: dict[str, Any]) -> str:
    return exact_json.dumps(data).decode()


def erase_quarantined(
    event: str, record_id: str | None, spec: ObjectSpec | None, ids: frozenset[str], opens: Opens
) -> str:
    """The event of a row in quarantine without the records' values; the same text when it has none.

    Args:
        event: Its JSON.
        record_id: Of the row; None: nobody could read it.
        spec: Its object; None: the catalogue lacks it.
        ids: Records.
        opens: As of `erase_events`.
    """
    is_named = any(each[:_SHORT_ID] in event for each in ids) or re.search(_HIDDEN_IDS, event)
    if not is_named and record_id is not None:
        return event
    if record_id is None and spec is None:
        parts, found = _unreadable(event, ids, opens)
    else:
        parts, found = erase_event(event, spec, ids, opens)
    if not found:
        return event
    of_row = [text for text, _ in parts if record_id is not None and record_id in text]
    return (of_row or [text for text, _ in parts])[0]
