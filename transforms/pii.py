"""Law 7 at the door: what the catalogue does not declare to be harmless is encrypted before it is
written anywhere.

An event is protected before it is landed. A field that is not in the catalogue may be anything,
so it is encrypted too, as is the whole payload of an object that the catalogue lacks and the
text of a message that cannot be read.

A token is `tg1.<key id>.<base64url>` for a text, `tg1x.<key id>.<base64url>` for any other JSON
value (which for a declared field means that its type is wrong, and validation says so without
having to decrypt). The cipher is AES-SIV (RFC 5297): the same value of the same field always
gives the same token, so that encrypted columns can be joined and compared; the field's name is
authenticated with it, so a token cannot be moved to another field.

A field that is declared to be harmless is so for one value, not for an object or a list, whose
inside nobody declared. These come as `[token]`: a token by itself would fit a text field, a list
fits none.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from schemas.catalogue import TEXTS, Catalogue, ObjectSpec
from transforms import deep_json

_TEXT = "tg1."
_OTHER = "tg1x."
DIFF_KEYS = frozenset({"diff"})
"""The form of a text that came as a diff (Change Data Capture Developer Guide, "Change Events for
Large Text Fields").
"""

_KEY_ID_SIZE = 36
KEY_BYTES = 64
"""AES-256-SIV takes two 256-bit keys in one."""

HEADER = "ChangeEventHeader"
_NESTED: frozenset[type] = frozenset({dict, list})
_PARTS = frozenset({"schema", "payload", "event"})
_API_NAME = re.compile(r"\w{1,80}", re.ASCII)


@dataclass(frozen=True)
class DataKey:
    """A data key in plaintext, in memory only. `id` names it inside tokens."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"DataKey(id={self.id!r})"


class Protector:
    """Encrypts and decrypts field values with one data key."""

    def __init__(self, key: DataKey, catalogue: Catalogue) -> None:
        self._key_id = key.id
        self._cipher = AESSIV(key.key)
        self._plans = {name: _Plan.of(spec) for name, spec in catalogue.objects.items()}
        self.erased: frozenset[str] = frozenset()
        """Records that were erased: their values are written nowhere any more."""
        self.specs: Mapping[str, ObjectSpec] = catalogue.objects

    def protect_event(self, data: dict[str, Any]) -> str:
        """Encrypt, in place, what must be encrypted in an event's `data`; returns the object's name
        or "".
        """
        payload = data.get("payload")
        header = payload.get(HEADER) if isinstance(payload, dict) else None
        name = header.get("entityName") if isinstance(header, dict) else None
        plan = self._plans.get(name) if isinstance(name, str) else None
        if not isinstance(payload, dict) or plan is None:
            self._hide_payload(data, payload, header)
            return name if isinstance(name, str) and _API_NAME.fullmatch(name) else ""
        self._hide_rest(data)
        for field in payload.keys() - plan.clear:
            value = payload[field]
            if field in plan.compounds and isinstance(value, dict):
                if not plan.takes_diff(field, value):
                    self._protect_parts(plan, field, value)
            elif value is not None and field not in plan.clear_texts:
                payload[field] = self.protect_value(plan.context(field), value)
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

    def protect_value(self, context: str, value: object) -> str | dict[str, str]:
        """The token of a value. That it is a text diff stays to be seen: nobody can apply it, and
        the record must be read again.
        """
        if isinstance(value, dict) and value.keys() == DIFF_KEYS:
            return {key: self.encrypt(context, inner) for key, inner in value.items()}
        return self.encrypt(context, value)

    def encrypt(self, context: str, value: object) -> str:
        """The token of a JSON value that belongs to `context` ("Contact.Email")."""
        is_text = isinstance(value, str)
        plain = value.encode() if isinstance(value, str) else deep_json.dumps_deep(value)
        # SIV refuses nothing but an empty message, which is a value like any other: a space-free
        # prefix carries it.
        cipher = self._cipher.encrypt(b"." + plain, [context.encode()])
        prefix = _TEXT if is_text else _OTHER
        return f"{prefix}{self._key_id}.{base64.urlsafe_b64encode(cipher).decode()}"

    def reload(self, catalogue: Catalogue) -> None:
        """Treat fields as this catalogue says from now on."""
        self._plans = {name: _Plan.of(spec) for name, spec in catalogue.objects.items()}
        self.specs = catalogue.objects

    def forget(self, record_ids: Iterable[str]) -> None:
        """Have the values of these records, and of those named before, written nowhere any more."""
        self.erased |= frozenset(record_ids)

    def encrypt_texts(self, context: str, values: Sequence[str | None]) -> list[str | None]:
        """As `encrypt`, of a column of texts; None stays None."""
        associated, prefix = [context.encode()], f"{_TEXT}{self._key_id}."
        seal, encode = self._cipher.encrypt, base64.urlsafe_b64encode
        return [
            None if value is None else prefix + encode(seal(b"." + value.encode(), associated)).decode()
            for value in values
        ]

    def decrypt(self, context: str, token: str) -> Any:
        """The value behind a token; raises `ValueError` when it is not a token of this key and
        context.
        """
        prefix, _, rest = token.partition(".")
        key_id, _, cipher = rest.partition(".")
        if prefix not in ("tg1", "tg1x") or key_id != self._key_id:
            message = f"not a token of key {self._key_id}"
            raise ValueError(message)
        try:
            plain = self._cipher.decrypt(base64.urlsafe_b64decode(cipher), [context.encode()])[1:]
        except InvalidTag as error:
            message = f"not a token of {context} and key {self._key_id}"
            raise ValueError(message) from error
        return plain.decode() if prefix == "tg1" else orjson.loads(plain)

    def _protect_parts(self, plan: "_Plan", compound: str, parts: dict[str, Any]) -> None:
        known = plan.compounds[compound]
        for part, value in parts.items():
            field = known.get(part)
            if value is not None and (field is None or field not in plan.clear_parts):
                parts[part] = self.encrypt(plan.context(field or f"{compound}.{part}"), value)
            elif field is not None and value.__class__ in _NESTED:
                parts[part] = self._single(plan, field, value)

    def _single(self, plan: "_Plan", field: str, value: Any) -> Any:
        """An object or a list in a clear field: a text's diff as it is, anything else sealed."""
        return value if plan.takes_diff(field, value) else [self.encrypt(plan.context(field), value)]

    def _hide_payload(self, data: dict[str, Any], payload: object, header: object) -> None:
        """Nothing is known of this event: keep the header, hide the rest."""
        self._hide_rest(data)
        hidden: dict[str, Any] = {HEADER: header} if isinstance(header, dict) else {}
        rest: object = payload
        if isinstance(payload, dict):
            rest = {name: value for name, value in payload.items() if name not in hidden}
        if rest not in (None, {}):
            hidden["hidden"] = self.encrypt("unknown", rest)
        data["payload"] = hidden

    def _hide_rest(self, data: dict[str, Any]) -> None:
        """A message with a misspelt part is still JSON: what stands beside the known parts may be
        anything.
        """
        for part in data.keys() - _PARTS:
            data[part] = self.encrypt("unknown", data[part])


def is_token(value: object) -> bool:
    """True for an encrypted text."""
    return isinstance(value, str) and value.startswith(_TEXT)


def longest_token(length: int) -> int:
    """Most characters of the token of a text of `length` characters, whatever they are."""
    sealed = 1 + 4 * length + 16  # the prefix, UTF-8 at its widest, SIV's tag
    return len(_TEXT) + _KEY_ID_SIZE + 1 + 4 * -(-sealed // 3)


def is_any_token(value: object) -> bool:
    """True for an encrypted value of any kind."""
    return is_token(value) or is_misfit_token(value)


def is_misfit_token(value: object) -> bool:
    """True for an encrypted value that was no text."""
    return isinstance(value, str) and value.startswith(_OTHER)


def sealed_token(value: object) -> str | None:
    """The token of an object or a list that came in a clear field; None for anything else."""
    return (
        str(value[0]) if isinstance(value, list) and len(value) == 1 and is_misfit_token(value[0]) else None
    )


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

    @classmethod
    def of(cls, spec: ObjectSpec) -> "_Plan":
        fields = spec.fields
        clear = frozenset(name for name, field in fields.items() if not field.is_protected)
        parts = frozenset(name for name in clear if fields[name].part_of)
        both = clear & spec.compounds.keys()
        texts = frozenset(name for name in clear if fields[name].type in TEXTS)
        top = (clear | {HEADER}) - spec.compounds.keys()
        return cls(spec.name, top, parts, spec.compounds, both, clear, texts)

    def takes_diff(self, field: str, value: object) -> bool:
        """True for the diff of a text that is in plaintext."""
        is_diff = isinstance(value, dict) and value.keys() == DIFF_KEYS and isinstance(value["diff"], str)
        return is_diff and field in self.texts

    def context(self, field: str) -> str:
        return f"{self.name}.{field}"
