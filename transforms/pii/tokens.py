"""Tokens: encrypted values as texts.

    tg1.KEY.CIPHER          a text, deterministic: equal values of a field have equal tokens
    tg2.KEY.CIPHER[.INDEX]  a text, bound to a record (or to nothing, by a random salt); INDEX is
                            the blind index of fields that declare one
    tg1x., tg2x.            the same of any other JSON value, which for a declared text means that
                            its type is wrong: validation says so without having to decrypt

KEY names the data key, CIPHER is base64url. The cipher is AES-SIV (RFC 5297). The field's name is
authenticated with the value. A bound token begins with its salt: 15 bytes, the first characters of
the record's id, authenticated, too.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Any

import orjson
import pybase64
from cryptography.exceptions import InvalidTag

from transforms import deep_json
from transforms.pii.key_ring import DataKey, KeyRing
from transforms.pii.seals import Seal

_TEXT = "tg1."
_OTHER = "tg1x."
_BOUND_TEXT = "tg2."
_BOUND_OTHER = "tg2x."
TEXT_PREFIXES = (_TEXT, _BOUND_TEXT)
OTHER_PREFIXES = (_OTHER, _BOUND_OTHER)
PREFIXES = (*TEXT_PREFIXES, *OTHER_PREFIXES)
SALT_BYTES = 15
"""A record's id without its checksum. A multiple of three, so that the salt is the first 20
characters of the base64.
"""
SALT_CHARACTERS = SALT_BYTES // 3 * 4
_KEY_ID_SIZE = 36
_INDEX_SIZE = 21
"""The dot and the index."""
_TAG_BYTES = 16


def make_token(
    ring: KeyRing, seal: Seal, value: object, *, salt: bytes = b"", key: DataKey | None = None
) -> str:
    """The token of a JSON value.

    Args:
        ring: The org's keys.
        seal: Of its field.
        value: Anything but None.
        salt: Of a bound seal, from `record_salt` or `random_salt`.
        key: None = the ring's active one.
    """
    key = key or ring.active
    is_text = isinstance(value, str)
    plain = value.encode() if isinstance(value, str) else deep_json.dumps_deep(value)
    if not seal.is_bound:
        prefix = _TEXT if is_text else _OTHER
        # SIV refuses nothing but an empty message, which is a value like any other: a space-free
        # prefix carries it.
        cipher = key.cipher.encrypt(b"." + plain, [seal.context.encode()])
        return f"{prefix}{key.id}.{_encoded(cipher)}"
    prefix = _BOUND_TEXT if is_text else _BOUND_OTHER
    cipher = salt + key.cipher.encrypt(b"." + plain, [seal.context.encode(), salt])
    token = f"{prefix}{key.id}.{_encoded(cipher)}"
    return f"{token}.{ring.blind_index(seal.group, plain)}" if seal.group else token


def make_text_tokens(
    ring: KeyRing, seal: Seal, values: Sequence[str | None], record_ids: Sequence[str | None]
) -> list[str | None]:
    """As `make_token`, of a column of texts; None stays None."""
    if seal.is_bound:
        return [
            None if value is None else make_token(ring, seal, value, salt=record_salt(record_id))
            for value, record_id in zip(values, record_ids, strict=True)
        ]
    associated, prefix = [seal.context.encode()], f"{_TEXT}{ring.active.id}."
    encrypt = ring.active.cipher.encrypt
    return [
        None if value is None else prefix + _encoded(encrypt(b"." + value.encode(), associated))
        for value in values
    ]


def _encoded(cipher: bytes) -> str:
    """In base64url, padded. `base64` takes seven times as long for a text of 900 characters, and an
    event of a case has four.
    """
    encoded: str = pybase64.b64encode_as_string(cipher, b"-_")
    return encoded


def open_token(ring: KeyRing, context: str, token: str) -> Any:
    """The value behind a token; raises `ValueError` when it is none of this org and context."""
    prefix, _, rest = token.partition(".")
    key_id, _, cipher = rest.partition(".")
    if f"{prefix}." not in PREFIXES:
        message = "not a token"
        raise ValueError(message)
    key, associated = ring.key(key_id), [context.encode()]
    try:
        sealed = base64.urlsafe_b64decode(cipher.partition(".")[0])
        if f"{prefix}." in (_BOUND_TEXT, _BOUND_OTHER):
            associated, sealed = [*associated, sealed[:SALT_BYTES]], sealed[SALT_BYTES:]
        plain = key.cipher.decrypt(sealed, associated)[1:]
    except (InvalidTag, binascii.Error) as error:
        message = f"not a token of {context} and key {key_id}"
        raise ValueError(message) from error
    return plain.decode() if f"{prefix}." in TEXT_PREFIXES else orjson.loads(plain)


def record_salt(record_id: object) -> bytes:
    """The salt of a record's tokens; a random one where the record is not known."""
    if not isinstance(record_id, str) or not record_id:
        return random_salt()
    return record_id.encode()[:SALT_BYTES].ljust(SALT_BYTES, b"\0")


def random_salt() -> bytes:
    """A salt that no other token has: comparing it reveals nothing."""
    return os.urandom(SALT_BYTES)


def has_form(token: str, seal: Seal, key_id: str, record_id: str) -> bool:
    """True for a token that looks as `make_token` would make it for the record with that key."""
    if not seal.is_bound:
        return token.startswith((f"{_TEXT}{key_id}.", f"{_OTHER}{key_id}."))
    prefix, _, rest = token.partition(".")
    found_key, _, cipher = rest.partition(".")
    if f"{prefix}." not in (_BOUND_TEXT, _BOUND_OTHER) or found_key != key_id:
        return False
    salt = base64.urlsafe_b64encode(record_salt(record_id)).decode()
    return cipher.startswith(salt) and ("." in cipher) == bool(seal.group)


def key_of(token: str) -> str:
    """The id of the key of a token."""
    return token.partition(".")[2].partition(".")[0]


def is_token(value: object) -> bool:
    """True for an encrypted text."""
    return isinstance(value, str) and value.startswith(TEXT_PREFIXES)


def is_comparable_token(value: object) -> bool:
    """True for a deterministic token: who can have values encrypted may find out what it hides."""
    return isinstance(value, str) and value.startswith((_TEXT, _OTHER))


def longest_token(length: int) -> int:
    """Most characters of the token of a text of `length` characters, whatever they are."""
    # The salt, the prefix, UTF-8 at its widest, SIV's tag.
    sealed = SALT_BYTES + 1 + 4 * length + _TAG_BYTES
    return len(_TEXT) + _KEY_ID_SIZE + 1 + 4 * -(-sealed // 3) + _INDEX_SIZE


def is_any_token(value: object) -> bool:
    """True for an encrypted value of any kind."""
    return isinstance(value, str) and value.startswith(PREFIXES)


def is_misfit_token(value: object) -> bool:
    """True for an encrypted value that was no text."""
    return isinstance(value, str) and value.startswith(OTHER_PREFIXES)


def sealed_token(value: object) -> str | None:
    """The token of an object or a list that came in a clear field; None for anything else."""
    return (
        str(value[0]) if isinstance(value, list) and len(value) == 1 and is_misfit_token(value[0]) else None
    )
