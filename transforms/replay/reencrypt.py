"""Turn rows landed under an older catalogue into those of the present one. Pure.

A field or object that the catalogue lacked was encrypted whole, because it might have been
anything; when it is declared later, its values must be readable, or encrypted under their own
name. A field that is declared to be personal later lies in plaintext in old raw files, and must
not go on in plaintext.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import Catalogue, FieldSpec, ObjectSpec
from schemas.ingest.raw import Manifest
from transforms import exact_json
from transforms.convert_values import is_text_in_json
from transforms.erasure.raw import erase_raw
from transforms.ingest.row_pages import encrypted_texts, record_ids, text_of_json
from transforms.pii import DIFF_KEYS, HEADER, Protector, first_record, is_any_token, seal_of, sealed_token
from transforms.pii.tokens import OTHER_PREFIXES, TEXT_PREFIXES

_HIDDEN = "hidden"
"""Where `transforms.pii` puts the payload of an object that the catalogue lacks."""
_UNKNOWN = "unknown"


class Reprotector:
    """Brings raw events up to the present catalogue."""

    def __init__(self, protector: Protector, catalogue: Catalogue) -> None:
        self._protector = protector
        self.reload(catalogue)

    def reload(self, catalogue: Catalogue) -> None:
        """Treat fields as this catalogue says from now on."""
        self._patterns = {name: _pattern(spec) for name, spec in catalogue.objects.items()}
        self._specs = catalogue.objects

    def erased(self, raw: pa.Table, manifest: Manifest, catalogue: Catalogue) -> pa.Table:
        """The batch's raw table without the values of records that were erased."""
        return erase_raw(raw, manifest, catalogue, self._protector, self._protector.erased).raw

    def opened(self, raw: pa.Table) -> pa.Table:
        """The raw table (columns of `RAW_SCHEMA`) with readable values for fields and objects that
        were unknown when it was landed.

        What needs it is found by its text, without reading JSON: as a rule nothing does.
        """
        mask = np.zeros(len(raw), np.bool_)
        for name in pc.unique(raw["object"]).to_pylist():
            if name in self._patterns:
                found = pc.match_substring_regex(raw["event"], self._patterns[name])
                mask |= np.asarray(pc.and_(found, pc.equal(raw["object"], name)))
        return self._rewritten(raw, mask)

    def closed(self, raw: pa.Table, refused: set[str], objects: set[str]) -> pa.Table:
        """The raw table with the events that were refused, and all of some objects, brought up to
        the present catalogue.

        The same table when that changes none of them.
        """
        events, names = (pa.array(sorted(some), pa.large_string()) for some in (refused, objects))
        mask = pc.or_(
            pc.is_in(raw["event"], value_set=events),
            pc.is_in(raw["object"].cast(pa.large_string()), value_set=names),
        )
        return self._rewritten(raw, np.asarray(mask))

    def page(self, page: pa.Table, name: str) -> pa.Table:
        """A page of rows of one object (`transforms.ingest.row_pages`), protected as the present
        catalogue says.

        A column that the page lacks it goes on lacking: the query had not asked for it, and says
        nothing of it.
        """
        spec = self._specs.get(name)
        fields = {} if spec is None else spec.fields
        for place, field in enumerate(page.column_names):
            column, described = page[field], fields.get(field)
            if described is None or not (mask := _is_otherwise(column, described)).any():
                continue
            context = f"{name}.{field}"
            chosen = pa.array(mask)
            texts = [self._clear_text(value, context) for value in column.filter(chosen).to_pylist()]
            if described.is_protected and spec is not None:
                ids = [each for each, is_chosen in zip(record_ids(page), mask, strict=True) if is_chosen]
                texts = encrypted_texts(texts, described.type, seal_of(spec, field), ids, self._protector)
            changed = pc.replace_with_mask(
                column.combine_chunks(), chosen, pa.array(texts, pa.large_string())
            )
            page = page.set_column(place, page.schema.field(field), changed)
        return page

    def _clear_text(self, value: str, context: str) -> str | None:
        """The value of a page's cell as Bulk API writes it."""
        return text_of_json(self._decrypted(value, context))

    def _rewritten(self, raw: pa.Table, mask: np.ndarray) -> pa.Table:
        if not mask.any():
            return raw
        chosen = pa.array(mask)
        before = raw["event"].filter(chosen).to_pylist()
        after = [self.event(text) for text in before]
        if after == before:
            return raw
        events = raw["event"].combine_chunks()
        written = pc.replace_with_mask(events, chosen, pa.array(after, pa.large_string()))
        return raw.set_column(raw.column_names.index("event"), raw.schema.field("event"), written)

    def event(self, text: str) -> str:
        """One event's JSON as the present catalogue would have it landed."""
        data = exact_json.loads_where_needed(text.encode())
        payload = data.get("payload") if isinstance(data, dict) else None
        header = payload.get(HEADER) if isinstance(payload, dict) else None
        name = header.get("entityName") if isinstance(header, dict) else None
        spec = self._specs.get(name) if isinstance(name, str) else None
        if not isinstance(payload, dict) or spec is None:
            return text
        if is_any_token(payload.get(_HIDDEN)) and _HIDDEN not in spec.fields:
            data["payload"] = self._uncovered(payload)
        else:
            self._fields(spec, payload)
        return exact_json.dumps(data).decode()

    def _uncovered(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of an object that was unknown."""
        rest = self._decrypted(payload[_HIDDEN], _UNKNOWN)
        if not isinstance(rest, dict):
            return payload
        whole = {HEADER: payload[HEADER], **rest}
        self._protector.protect_event({"payload": whole})
        return whole

    def _fields(self, spec: ObjectSpec, payload: dict[str, Any]) -> None:
        record_id = first_record(payload[HEADER])
        for name, value in payload.items():
            if (token := sealed_token(value)) is not None and self._opens(token, f"{spec.name}.{name}"):
                # It may be a compound by now, or a personal field: as if it had just come.
                hidden = {HEADER: payload[HEADER], name: self._decrypted(token, f"{spec.name}.{name}")}
                self._protector.protect_event({"payload": hidden})
                payload[name] = hidden[name]
            elif name in spec.fields:
                payload[name] = self._value(spec, name, value, f"{spec.name}.{name}", record_id)
            elif name in spec.compounds and isinstance(value, dict):
                payload[name] = self._parts(spec, name, value, record_id)
            elif name in spec.compounds and is_any_token(value):
                # The whole of it was unknown: what it hides is protected as if it had just come.
                hidden = {HEADER: payload[HEADER], name: self._decrypted(value, f"{spec.name}.{name}")}
                if isinstance(hidden[name], dict):
                    self._protector.protect_event({"payload": hidden})
                    payload[name] = hidden[name]

    def _parts(
        self, spec: ObjectSpec, compound: str, parts: dict[str, Any], record_id: str | None
    ) -> dict[str, Any]:
        known = spec.compounds[compound]
        return {
            part: self._value(spec, known[part], value, f"{spec.name}.{compound}.{part}", record_id)
            if part in known
            else value
            for part, value in parts.items()
        }

    def _value(self, spec: ObjectSpec, field: str, value: Any, former: str, record_id: str | None) -> Any:
        """The field's value in its present form; `former` is the context that it had while it was
        unknown.
        """
        if isinstance(value, dict) and value.keys() == DIFF_KEYS:
            return {part: self._value(spec, field, inner, former, record_id) for part, inner in value.items()}
        context = f"{spec.name}.{field}"
        is_protected = spec.fields[field].is_protected
        if (token := sealed_token(value)) is not None and self._opens(token, context):
            value = self._decrypted(token, context)
        if value is None or (is_protected and is_any_token(value) and self._opens(value, context)):
            return value
        clear = value
        if is_any_token(value):
            clear = self._decrypted(value, context if self._opens(value, context) else former)
        if is_protected:
            return self._protector.seal_value(seal_of(spec, field), clear, record_id)
        return self._protector.clear_value(spec.name, field, clear)

    def _opens(self, token: str, context: str) -> bool:
        try:
            self._protector.decrypt(context, token)
        except ValueError:
            return False
        return True

    def _decrypted(self, token: Any, context: str) -> Any:
        """The value that the token hides; the text itself when it is none of ours: a text may look
        like one.
        """
        try:
            return self._protector.decrypt(context, token)
        except ValueError:
            return token


def _is_otherwise(column: pa.ChunkedArray, field: FieldSpec) -> np.ndarray:
    """The cells of a page that are not as the field's entry would have them: a token, of a text or
    not, or clear.
    """
    sealed, other = (
        pc.or_(*(pc.starts_with(column, prefix) for prefix in prefixes))
        for prefixes in (TEXT_PREFIXES, OTHER_PREFIXES)
    )
    if not field.is_protected:
        return np.asarray(pc.fill_null(pc.or_(sealed, other), False))
    return ~np.asarray(pc.fill_null(sealed if is_text_in_json(field.type) else other, True))


def _pattern(spec: ObjectSpec) -> str:
    """Finds JSON in which something that is no personal field holds a token."""
    clear: Callable[[str], bool] = lambda name: not spec.fields[name].is_protected  # noqa: E731
    names = {name for name in spec.fields if clear(name)}
    names |= {part for parts in spec.compounds.values() for part, name in parts.items() if clear(name)}
    names |= {*spec.compounds, _HIDDEN}
    return f'"(?:{"|".join(map(re.escape, sorted(names)))})":(?:{{"diff":|\\[)?"tg[12]x?\\.'
