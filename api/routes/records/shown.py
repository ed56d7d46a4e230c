"""Rows of records as the API shows them."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from clients.warehouse.records.reader import Fresh, RecordRow
from schemas.catalogue import ObjectSpec

Open = Callable[[str, str], Any]
"""The value behind the token of a field, by the field's name."""
_ETAG_BYTES = 12


@dataclass(frozen=True)
class Shown:
    """What of an object's records a caller is shown."""

    spec: ObjectSpec
    opened: Mapping[str, Open]
    """Protected fields that are decrypted, each with how."""

    def record(self, row: RecordRow) -> dict[str, Any]:
        """A record in the form of `models.Record`."""
        fields: dict[str, Any] = {}
        withheld: list[str] = []
        for (name, field), value in zip(self.spec.fields.items(), row.values, strict=True):
            if not field.is_protected:
                fields[name] = plain_value(value)
            elif name in self.opened:
                fields[name] = None if value is None else self.opened[name](name, value)
            else:
                withheld.append(name)
        return {
            "object": self.spec.name,
            "id": row.record_id,
            "version": row.version,
            "change_order": row.change_order,
            "changed_at": plain_value(row.changed_at),
            "applied_at": plain_value(row.applied_at),
            "is_deleted": row.is_deleted,
            "is_complete": row.is_complete,
            "fields": fields,
            "withheld": withheld,
            "unknown": names_of(self.spec, row.unknown_fields),
        }


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
    """In the form of `models.Freshness`."""
    return {"commit": fresh.commit, "applied_at": plain_value(fresh.applied_at)}


def etag_of(shown: Any) -> str:
    """The entity tag of what is shown. It is weak: the answer's freshness is not part of it."""
    digest = hashlib.blake2b(orjson.dumps(shown), digest_size=_ETAG_BYTES).hexdigest()
    return f'W/"{digest}"'
