"""Rows of records and changes of the feed as callers of the API and receivers of webhooks see
them.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from clients.warehouse.records.feed import FeedChange
from clients.warehouse.records.reader import Fresh, RecordRow
from schemas.catalogue import ObjectSpec
from transforms.writeback.echo import batch_of_origin

Open = Callable[[ObjectSpec, str, str], Any]
"""The value behind the token of a field, by the field's name."""
_ETAG_BYTES = 12


@dataclass(frozen=True)
class Shown:
    """The part of an object's records that a caller is shown."""

    spec: ObjectSpec
    decrypted: Collection[str] = ()
    """Protected fields whose values are shown."""
    open: Open | None = None
    """None: nothing is decrypted."""

    def record(self, row: RecordRow) -> dict[str, Any]:
        """A record in the form of the API's `Record`."""
        fields, withheld = self.values(zip(self.spec.fields, row.values, strict=True))
        valid_to = {} if row.valid_to is None else {"valid_to": plain_value(row.valid_to)}
        return {
            "object": self.spec.name,
            "id": row.record_id,
            "version": row.version,
            "change_order": row.change_order,
            "changed_at": plain_value(row.changed_at),
            "applied_at": plain_value(row.applied_at),
            **valid_to,
            "is_deleted": row.is_deleted,
            "is_complete": row.is_complete,
            "fields": fields,
            "withheld": withheld,
            "unknown": names_of(self.spec, row.unknown_fields),
        }

    def change(self, change: FeedChange) -> dict[str, Any]:
        """A change in the form of the API's `Change`. Protected texts that came as diffs are never
        shown: a diff alone tells little, and its text is in the record.
        """
        fields, withheld = self.values(change.carried)
        diffs, more = Shown(self.spec).values(change.diffs)
        batch = batch_of_origin(change.change_origin or "")
        return {
            "cursor": str(change.place),
            "object": self.spec.name,
            "id": change.place.record_id,
            "change_type": change.change_type,
            "change_order": change.place.change_order,
            "changed_at": plain_value(change.changed_at),
            "applied_at": plain_value(change.place.applied_at),
            "fields": fields,
            "diffs": diffs,
            "withheld": withheld + more,
            "unknown": names_of(self.spec, change.isolated),
            "commit_user": change.commit_user,
            "own_writeback": None if batch is None else {"batch": batch},
        }

    def values(self, pairs: Iterable[tuple[str, Any]]) -> tuple[dict[str, Any], list[str]]:
        """Of fields and their columns' values: the fields that are shown, and the names of the
        others.
        """
        shown: dict[str, Any] = {}
        withheld: list[str] = []
        for name, value in pairs:
            if not self.spec.fields[name].is_protected:
                shown[name] = plain_value(value)
            elif name in self.decrypted and self.open is not None:
                shown[name] = None if value is None else self.open(self.spec, name, value)
            else:
                withheld.append(name)
        return shown, withheld


def names_of(spec: ObjectSpec, columns: str | None) -> list[str]:
    """The API names of columns that are joined by commas."""
    if not columns:
        return []
    chosen: Collection[str] = columns.split(",")
    return [name for name, column in spec.columns.items() if column in chosen]


def plain_value(value: Any) -> Any:
    """A column's value in JSON's types."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date) else value


def freshness(fresh: Fresh) -> dict[str, Any]:
    """In the form of the API's `Freshness`."""
    return {"commit": fresh.commit, "applied_at": plain_value(fresh.applied_at)}


def etag_of(shown: Any) -> str:
    """The entity tag of what is shown. It is weak: the answer's freshness is not part of it."""
    digest = hashlib.blake2b(orjson.dumps(shown), digest_size=_ETAG_BYTES).hexdigest()
    return f'W/"{digest}"'
