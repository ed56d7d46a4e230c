"""Protected values on their way into the archive: each is sealed with the key of its subject.

A sealed value is `tgs1.<generation>.<base64url>` (AES-SIV, RFC 5297). Inside is the value as the
warehouse had it, mostly a token of the org's data key, so anyone who reads it needs both keys.
The same value of the same column and subject always gives the same text: an export that is done
again gives the same file.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from transforms.pii import is_any_token

_SEALED = "tgs1."


@dataclass(frozen=True)
class SubjectKey:
    """The key with which a subject's values are sealed now."""

    generation: int
    """1 for the first; a key that was destroyed is followed by the next generation."""
    key: bytes = field(repr=False)


def is_sealed(value: object) -> bool:
    """True for a value that was sealed for the archive."""
    return isinstance(value, str) and value.startswith(_SEALED)


def seal_table(
    rows: pa.Table, *, subjects: str, protected: Iterable[str], keys: Mapping[str, SubjectKey], context: str
) -> pa.Table:
    """The rows with their protected values sealed.

    Args:
        rows: Any columns. Only columns of text are sealed.
        subjects: The column that names each row's subject.
        protected: Columns of which every value is sealed. In other columns of text only tokens
            are, since a field may have been protected once, and texts that look sealed: only
            sealed do they come back as they were.
        keys: Of each subject; a `KeyError` for one that is missing.
        context: The table's name. A sealed value opens in its own table and column only.
    """
    whole = frozenset(protected)
    names = [str(name) for name in rows[subjects].to_pylist()]
    ciphers = {name: (keys[name].generation, AESSIV(keys[name].key)) for name in set(names)}
    for place, column in enumerate(rows.schema):
        if not _is_text(column.type) or column.name == subjects:
            continue
        values = rows[column.name].to_pylist()
        wanted = [_is_taken(value, is_whole=column.name in whole) for value in values]
        if any(wanted):
            associated = [f"{context}.{column.name}".encode()]
            sealed = [
                _seal(*ciphers[name], value, associated) if take else value
                for name, value, take in zip(names, values, wanted, strict=True)
            ]
            rows = rows.set_column(place, column, pa.array(sealed, column.type))
    return rows


def open_table(
    rows: pa.Table, *, subjects: str, keys: Mapping[tuple[str, int], bytes], context: str
) -> tuple[pa.Table, set[str]]:
    """The rows as they were before they were sealed, and the subjects whose key is gone: their
    sealed values are null.

    `keys`: (subject, generation) -> key.
    """
    names: Sequence[str] = [str(name) for name in rows[subjects].to_pylist()]
    ciphers = {name: AESSIV(key) for name, key in keys.items()}
    gone: set[str] = set()
    for place, column in enumerate(rows.schema):
        if not _is_text(column.type) or column.name == subjects:
            continue
        values = rows[column.name].to_pylist()
        if not any(is_sealed(value) for value in values):
            continue
        associated = [f"{context}.{column.name}".encode()]
        opened = []
        for name, value in zip(names, values, strict=True):
            if not is_sealed(value):
                opened.append(value)
                continue
            generation, cipher_text = _parts(value)
            cipher = ciphers.get((name, generation))
            if cipher is None:
                gone.add(name)
                opened.append(None)
                continue
            opened.append(cipher.decrypt(cipher_text, associated)[1:].decode())
        rows = rows.set_column(place, column, pa.array(opened, column.type))
    return rows, gone


def json_text(value: Any) -> str | None:
    """A JSON value as one text, its keys sorted; None stays None."""
    return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _is_taken(value: str | None, *, is_whole: bool) -> bool:
    return value is not None and (is_whole or is_any_token(value) or is_sealed(value))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string(kind))


def _seal(generation: int, cipher: AESSIV, value: str, associated: list[bytes]) -> str:
    # SIV refuses an empty message: a prefix carries it.
    sealed = cipher.encrypt(b"." + value.encode(), associated)
    return f"{_SEALED}{generation}.{base64.urlsafe_b64encode(sealed).decode()}"


def _parts(value: str) -> tuple[int, bytes]:
    generation, sealed = value.removeprefix(_SEALED).split(".")
    return int(generation), base64.urlsafe_b64decode(sealed)
