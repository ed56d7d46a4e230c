"""The values of an attempt, and the digest that stands for them in the batch's seal.

The digest is keyed with a salt of the attempt's own. An erasure deletes the values and the salt:
then the digest says nothing of them, not even to somebody who tries every birth date, and the seal
over it still holds (docs/decisions/0059-seals-over-salted-digests.md).
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

VALUES = ("sent", "before", "reason", "words")
"""Columns of an attempt that may hold values of the record."""
SALT_BYTES = 32


def new_salt() -> str:
    """A salt for one attempt, in hex."""
    return secrets.token_hex(SALT_BYTES)


def values_digest(salt: str, values: Mapping[str, Any]) -> str:
    """HMAC-SHA256 of an attempt's values, in hex."""
    body = orjson.dumps([values[name] for name in VALUES], option=orjson.OPT_SORT_KEYS)
    return hmac.new(bytes.fromhex(salt), body, hashlib.sha256).hexdigest()


def salted(attempt: dict[str, Any]) -> dict[str, Any]:
    """An attempt's columns with its salt and digest."""
    salt = new_salt()
    return attempt | {"salt": salt, "values_digest": values_digest(salt, attempt)}


def is_as_sealed(row: sa.Row[Any]) -> bool:
    """True when the attempt's values are those that its digest was made of, or went with its
    salt.
    """
    if row.values_digest is None:
        return True  # of a release that sealed the values themselves
    if row.salt is None:
        return row.erased_by is not None
    return hmac.compare_digest(
        values_digest(row.salt, {name: getattr(row, name) for name in VALUES}), row.values_digest
    )


def erased_list_digest(rows: Sequence[tuple[int, int, str]]) -> str:
    """SHA-256 (hex) of which attempts an erasure took: number, attempt and digest of each."""
    told = "\n".join(f"{number} {attempt} {digest}" for number, attempt, digest in sorted(rows))
    return hashlib.sha256(told.encode()).hexdigest()
