"""The data keys of an org, in memory only: the newest encrypts, every one decrypts what it once
encrypted.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 64
"""AES-256-SIV takes two 256-bit keys in one."""
FINGERPRINT_CHARACTERS = 32
_LONGEST_ID = 6
_MOST_UNKNOWN = 20
"""Keys that are asked for in vain between two looks."""
INDEX_BYTES = 15
"""Of a blind index: 120 bits, so that two values never share one; 20 characters in base64."""


@dataclass(frozen=True)
class DataKey:
    """A data key in plaintext, in memory only. `id` names it inside tokens."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"DataKey(id={self.id!r})"

    @cached_property
    def fingerprint(self) -> str:
        """Tells this key from any other, and nothing of the key: 32 hex digits of a hash of its 512
        random bits.
        """
        digest = hashlib.blake2b(self.key, digest_size=FINGERPRINT_CHARACTERS // 2, person=b"tg fingerprint")
        return digest.hexdigest()

    @cached_property
    def cipher(self) -> AESSIV:
        """Encrypts and decrypts with it (RFC 5297)."""
        return AESSIV(self.key)


class UnknownKeyError(ValueError):
    """A token names a key that the org does not have."""


class KeyRing:
    """Every data key of an org. Threads may share it."""

    def __init__(self, keys: Iterable[DataKey], more: Callable[[], Iterable[DataKey]] | None = None) -> None:
        """Args:
        keys: At least one.
        more: Asked for the keys again when a token names one that is not known, because
            another process may have rotated. None = the ring never grows.
        """
        self._more = more
        self._keys: dict[str, DataKey] = {}
        self._unknown: set[str] = set()
        self._take(keys)

    @classmethod
    def of(cls, keys: "DataKey | KeyRing") -> "KeyRing":
        """The ring itself, or a ring of one key."""
        return keys if isinstance(keys, KeyRing) else cls([keys])

    @property
    def active(self) -> DataKey:
        """The key that encrypts what is written from now on: the newest."""
        return self._active

    @property
    def first(self) -> DataKey:
        """The oldest key: what must stay equal over rotations is made with it."""
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> tuple[str, ...]:
        """Of every key, the oldest first."""
        return tuple(self._keys)

    def key(self, key_id: str) -> DataKey:
        """The key called `key_id`; raises `UnknownKeyError`."""
        found = self._keys.get(key_id)
        if found is None and self._may_be(key_id):
            asked = {*self._unknown, key_id}
            self.refresh()
            self._unknown = asked
            found = self._keys.get(key_id)
        if found is None:
            message = f"not a token of key {', '.join(self.ids)}: it names key {key_id[:36]!r}"
            raise UnknownKeyError(message)
        return found

    def refresh(self) -> None:
        """Take in the keys that were made since. May block."""
        if self._more is not None:
            self._take(self._more())

    def blind_index(self, group: str, plain: bytes) -> str:
        """The index of a value among all fields of a group: equal values have equal ones, 20
        characters.

        It is made with a key of its own, derived from the org's first one, so it outlives
        rotations: columns of two objects can be compared while only one of them is re-encrypted.
        """
        digest = hmac.digest(self._index_key, group.encode() + b"\0" + plain, "sha256")
        return base64.urlsafe_b64encode(digest[:INDEX_BYTES]).decode()

    def _may_be(self, key_id: str) -> bool:
        """True when it is worth asking: a text that only looks like a token must not make a call
        each time.
        """
        is_name = key_id.isdecimal() and len(key_id) <= _LONGEST_ID
        return is_name and key_id not in self._unknown and len(self._unknown) < _MOST_UNKNOWN

    def _take(self, keys: Iterable[DataKey]) -> None:
        self._unknown = set()
        ordered = sorted(keys, key=lambda key: (len(key.id), key.id))
        self._active = ordered[-1]
        self._index_key = hashlib.blake2b(ordered[0].key, digest_size=32, person=b"tg blind index").digest()
        self._keys = {key.id: key for key in ordered}
