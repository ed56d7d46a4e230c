"""Bases as rows of `audit.<object>_base`, and the fingerprints of the changes that they stand
for.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from schemas.catalogue import ObjectSpec
from schemas.tables import arrow_schema, base_columns
from transforms.apply.fold import Base, Version
from transforms.apply.net_changes import known_only

_DIGEST_BYTES = 8
_TEXT = 11
"""Characters of a fingerprint."""


@dataclass(frozen=True, slots=True)
class StoredBase:
    """A base with the changes that it stands for."""

    base: Base
    covered: frozenset[str]
    """Fingerprints of their places."""

    @property
    def order(self) -> str:
        """The place of the last of them."""
        return self.base.version.change_order

    def covers(self, change_order: str) -> bool:
        """True when the base stands for the change at this place."""
        return fingerprint(change_order) in self.covered


def fingerprint(change_order: str) -> str:
    """64 bits of a place's digest: a record has at most thousands of changes, so two of them
    are never taken for one.
    """
    digest = hashlib.blake2b(change_order.encode(), digest_size=_DIGEST_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def split_fingerprints(text: str) -> frozenset[str]:
    """The fingerprints in the column `_covered`."""
    return frozenset(text[place : place + _TEXT] for place in range(0, len(text), _TEXT))


def read_bases(rows: Iterable[Sequence[Any]], spec: ObjectSpec) -> dict[str, StoredBase]:
    """record_id -> its base, from rows in the columns of `base_columns`."""
    count = len(spec.fields)
    columns = frozenset(spec.columns.values())
    found = {}
    for row in rows:
        record_id, values, rest = row[0], tuple(row[1 : 1 + count]), row[1 + count :]
        is_deleted, is_complete, unknown, version, order, changed_at, applied_at, batch = rest[:8]
        is_whole, doubtful, grown, covered = rest[8:]
        last = Version(
            record_id=record_id,
            values=values,
            is_deleted=is_deleted,
            is_complete=is_complete,
            unknown_fields=known_only(unknown, columns),
            version=version,
            valid_from=changed_at,
            valid_to=None,
            change_order=order,
            applied_at=applied_at,
            batch=batch,
        )
        base = Base(last, is_whole, _names(doubtful), _names(grown), unknown)
        found[record_id] = StoredBase(base, split_fingerprints(covered))
    return found


def base_table(bases: Iterable[StoredBase], spec: ObjectSpec) -> pa.Table:
    """The bases as rows, in the columns of `base_columns`."""
    schema = arrow_schema(base_columns(spec))
    rows = [dict(zip(schema.names, _row(each), strict=True)) for each in bases]
    return pa.Table.from_pylist(rows, schema=schema)


def _row(each: StoredBase) -> tuple[Any, ...]:
    base, last = each.base, each.base.version
    state = (last.is_deleted, last.is_complete, base.unknown, last.version)
    stamps = (last.change_order, last.valid_from, last.applied_at, last.batch)
    inner = (base.is_whole, _joined(base.doubtful), _joined(base.grown), "".join(sorted(each.covered)))
    return (last.record_id, *last.values, *state, *stamps, *inner)


def _names(text: str | None) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def _joined(names: frozenset[str]) -> str | None:
    return ",".join(sorted(names)) or None
