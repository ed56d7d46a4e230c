"""Law 7 at the door: what the catalogue does not declare to be harmless is encrypted before it is
written anywhere.

An event is protected before it is landed. A field that is not in the catalogue may be anything,
so it is encrypted too, as is the whole payload of an object that the catalogue lacks and the
text of a message that cannot be read.

The tokens are those of `transforms.pii.tokens`. A personal field's are deterministic, so that
encrypted columns can be joined and compared; a sensitive field's are bound to their record, so that
comparing two people reveals nothing. What a writeback stores has tokens of its own, which are
random: a caller could else learn a value of the warehouse by trying (docs/decisions/0046).

A field that is declared to be harmless is so for one value, not for an object or a list, whose
inside nobody declared. These come as `[token]`: a token by itself would fit a text field, a list
fits none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.catalogue import TEXTS, Catalogue, ObjectSpec
from transforms.pii.envelope import hide_odd_parts
from transforms.pii.key_ring import DataKey, KeyRing
from transforms.pii.seals import Seal, seal_of
from transforms.pii.tokens import (
    has_form,
    make_text_tokens,
    make_token,
    open_token,
    random_salt,
    record_salt,
)

DIFF_KEYS = frozenset({"diff"})
"""The form of a text that came as a diff (Change Data Capture Developer Guide, "Change Events for
Large Text Fields").
"""

HEADER = "ChangeEventHeader"
_UNKNOWN = "unknown"
"""The context of values that nobody can name."""
_WRITEBACK = "writeback:"
"""Before the context of what writebacks store: no token of the warehouse opens there."""
_NESTED: frozenset[type] = frozenset({dict, list})
_API_NAME = re.compile(r"\w{1,80}", re.ASCII)


class Protector:
    """Encrypts and decrypts field values with the keys of one org."""

    def __init__(self, keys: DataKey | KeyRing, catalogue: Catalogue) -> None:
        self.ring = KeyRing.of(keys)
        self._plans = {name: _Plan.of(spec) for name, spec in catalogue.objects.items()}
        self.erased: frozenset[str] = frozenset()
        """Records that were erased: their values are written nowhere any more."""
        self.specs: Mapping[str, ObjectSpec] = catalogue.objects

    @property
    def key_name(self) -> str:
        """The key that encrypts now, as manifests name it: its id and its fingerprint."""
        active = self.ring.active
        return f"{active.id}:{active.fingerprint}"

    def protect_event(self, data: dict[str, Any]) -> str:
        """Encrypt, in place, what must be encrypted in an event's `data`; returns the object's name
        or "".

        Bound tokens of an event of several records are the first one's; applying it gives each
        record its own (`transforms.pii.token_forms`).
        """
        payload = data.get("payload")
        header = payload.get(HEADER) if isinstance(payload, dict) else None
        name = header.get("entityName") if isinstance(header, dict) else None
        hide_odd_parts(data, header, self._hide)
        plan = self._plans.get(name) if isinstance(name, str) else None
        if not isinstance(payload, dict) or plan is None:
            self._hide_payload(data, payload, header)
            return name if isinstance(name, str) and _API_NAME.fullmatch(name) else ""
        record_id = first_record(header)
        for field in payload.keys() - plan.clear:
            value = payload[field]
            if field in plan.compounds and isinstance(value, dict):
                if not plan.takes_diff(field, value):
                    self._protect_parts(plan, field, value, record_id)
            elif value is not None and field not in plan.clear_texts:
                payload[field] = self.seal_value(plan.seal(field), value, record_id)
        # `__class__` and not isinstance(): every value of every event is looked at.
        for field in [each for each, value in payload.items() if value.__class__ in _NESTED]:
            if field in plan.singles and not (field in plan.compounds and isinstance(payload[field], dict)):
                payload[field] = self._single(plan, field, payload[field])
        return str(name)

    def clear_value(self, name: str, field: str, value: object) -> object:
        """A value of a clear field as it may be written: itself, but for an object or a list, which
        is sealed.
        """
        plan = self._plans[name]
        return self._single(plan, field, value) if value.__class__ in _NESTED else value

    def seal_value(self, seal: Seal, value: object, record_id: object) -> str | dict[str, str]:
        """The token of a field's value. That it is a text diff stays to be seen: nobody can apply
        it, and the record must be read again.
        """
        if isinstance(value, dict) and value.keys() == DIFF_KEYS:
            return {key: self.seal(seal, inner, record_id) for key, inner in value.items()}
        return self.seal(seal, value, record_id)

    def seal(self, seal: Seal, value: object, record_id: object, *, key_id: str | None = None) -> str:
        """The token of a field's value, anything but None.

        Args:
            seal: The field's.
            value: The value, as JSON has it.
            record_id: Its record; None = not known, and a bound token is bound to nothing.
            key_id: Of the key. None = the active one.
        """
        key = None if key_id is None else self.ring.key(key_id)
        salt = record_salt(record_id) if seal.is_bound else b""
        return make_token(self.ring, seal, value, salt=salt, key=key)

    def seal_texts(
        self, seal: Seal, values: Sequence[str | None], record_ids: Sequence[str | None]
    ) -> list[str | None]:
        """As `seal`, of a column of texts and the records that they are of; None stays None."""
        return make_text_tokens(self.ring, seal, values, record_ids)

    def encrypt(self, context: str, value: object) -> str:
        """The deterministic token of a JSON value that belongs to `context` ("Contact.Email")."""
        return make_token(self.ring, Seal(context), value)

    def decrypt(self, context: str, token: str) -> Any:
        """The value behind a token of any form; raises `ValueError` when it is not a token of one
        of the org's keys and of the context.
        """
        return open_token(self.ring, context, token)

    def open_unknown(self, token: str) -> str:
        """The text of what was encrypted because nobody could name it; raises as `decrypt`."""
        return str(self.decrypt(_UNKNOWN, token))

    def encrypt_writeback(self, context: str, value: object) -> str:
        """The token of a value that a writeback stores. No other token equals it, so nobody learns
        by trying.
        """
        seal = Seal(f"{_WRITEBACK}{context}", is_bound=True)
        return make_token(self.ring, seal, value, salt=random_salt())

    def encrypt_writeback_key(self, context: str, value: object) -> str:
        """As `encrypt_writeback`, of what names a record: writebacks of one record are sent in
        order, so equal external ids have equal tokens, also over a rotation.
        """
        return make_token(self.ring, Seal(f"{_WRITEBACK}{context}"), value, key=self.ring.first)

    def decrypt_writeback(self, context: str, token: str) -> Any:
        """As `decrypt`, of what a writeback stores, by whatever release."""
        try:
            return open_token(self.ring, f"{_WRITEBACK}{context}", token)
        except ValueError:
            return open_token(self.ring, context, token)

    def reformed(self, seal: Seal, token: str, record_id: str, key_id: str) -> str:
        """The token of the same value in the form that it has today: with the key called `key_id`,
        of the field's present class, bound to its record. The token itself when it has that form,
        or is none of this org.
        """
        if has_form(token, seal, key_id, record_id):
            return token
        try:
            value = open_token(self.ring, seal.context, token)
        except ValueError:
            return token
        return self.seal(seal, value, record_id, key_id=key_id)

    def reload(self, catalogue: Catalogue) -> None:
        """Treat fields as this catalogue says from now on."""
        self._plans = {name: _Plan.of(spec) for name, spec in catalogue.objects.items()}
        self.specs = catalogue.objects

    def forget(self, record_ids: Iterable[str]) -> None:
        """Have the values of these records, and of those named before, written nowhere any more."""
        self.erased |= frozenset(record_ids)

    def _protect_parts(
        self, plan: "_Plan", compound: str, parts: dict[str, Any], record_id: str | None
    ) -> None:
        known = plan.compounds[compound]
        for part, value in parts.items():
            field = known.get(part)
            if value is not None and (field is None or field not in plan.clear_parts):
                parts[part] = self.seal(plan.seal(field or f"{compound}.{part}"), value, record_id)
            elif field is not None and value.__class__ in _NESTED:
                parts[part] = self._single(plan, field, value)

    def _single(self, plan: "_Plan", field: str, value: Any) -> Any:
        """An object or a list in a clear field: a text's diff as it is, anything else sealed."""
        return value if plan.takes_diff(field, value) else [self.encrypt(plan.context(field), value)]

    def _hide_payload(self, data: dict[str, Any], payload: object, header: object) -> None:
        """Nothing is known of this event: keep the header, hide the rest."""
        hidden: dict[str, Any] = {HEADER: header} if isinstance(header, dict) else {}
        rest: object = payload
        if isinstance(payload, dict):
            rest = {name: value for name, value in payload.items() if name not in hidden}
        if rest not in (None, {}):
            hidden["hidden"] = self.encrypt(_UNKNOWN, rest)
        data["payload"] = hidden

    def _hide(self, value: object) -> str:
        """The token of a value of which nothing is known; the value itself when it is one."""
        if isinstance(value, str):
            try:
                open_token(self.ring, _UNKNOWN, value)
            except ValueError:
                pass
            else:
                return value
        return self.encrypt(_UNKNOWN, value)


@dataclass(frozen=True)
class _Plan:
    name: str
    clear: frozenset[str]
    """Top-level payload fields that need no look."""
    clear_parts: frozenset[str]
    """Fields inside compounds that may stay in plaintext."""
    compounds: Mapping[str, Mapping[str, str]]
    clear_texts: frozenset[str]
    """Clear fields that are a compound, too, as `Account.Name`: only when they come as an object is
    there something to look at.
    """
    singles: frozenset[str]
    """Clear fields, parts among them: each holds one value."""
    texts: frozenset[str]
    """Text fields that may come as a diff."""
    seals: Mapping[str, Seal]
    """Of the fields that are protected."""

    @classmethod
    def of(cls, spec: ObjectSpec) -> "_Plan":
        fields = spec.fields
        clear = frozenset(name for name, field in fields.items() if not field.is_protected)
        parts = frozenset(name for name in clear if fields[name].part_of)
        both = clear & spec.compounds.keys()
        texts = frozenset(name for name in clear if fields[name].type in TEXTS)
        top = (clear | {HEADER}) - spec.compounds.keys()
        seals = {name: seal_of(spec, name) for name in fields.keys() - clear}
        return cls(spec.name, top, parts, spec.compounds, both, clear, texts, seals)

    def takes_diff(self, field: str, value: object) -> bool:
        """True for the diff of a text that is in plaintext."""
        is_diff = isinstance(value, dict) and value.keys() == DIFF_KEYS and isinstance(value["diff"], str)
        return is_diff and field in self.texts

    def context(self, field: str) -> str:
        return f"{self.name}.{field}"

    def seal(self, field: str) -> Seal:
        """The field's; a field or part that is not in the catalogue is sealed as a personal one."""
        return self.seals.get(field) or Seal(self.context(field))


def first_record(header: object) -> str | None:
    """The first record that an event's header names; None = it names none."""
    ids = header.get("recordIds") if isinstance(header, dict) else None
    first = ids[0] if isinstance(ids, list) and ids else None
    return first if isinstance(first, str) else None
