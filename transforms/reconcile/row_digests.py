"""Facts about a record without its values: its id, when it changed, whether it is deleted, and a
digest of its fields.

Both sides of a reconciliation are such facts, in numpy arrays: 50 bytes a record, so that
millions fit into memory and are compared without a loop.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.catalogue import FieldType, ObjectSpec
from schemas.quality import Rule, Severity
from transforms.convert_values import converter
from transforms.erasure.fields import kept_fields
from transforms.misfits import MISFIT, landed
from transforms.pii import Protector, Seal, seal_of
from transforms.quality.rules import checks_of, ruled

FACTS = np.dtype(
    [
        ("id", "S18"),
        ("lmd", "i8"),  # LastModifiedDate, epoch milliseconds; of the warehouse -1 for none
        ("stamp", "i8"),  # the org's SystemModstamp, the warehouse's changed_at; epoch milliseconds
        ("deleted", "?"),
        ("complete", "?"),
        ("digest", "i8"),  # of the compared fields; 0 when none are
    ]
)
FACTS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("lmd", pa.int64(), nullable=False),
        pa.field("stamp", pa.int64(), nullable=False),
        pa.field("deleted", pa.bool_(), nullable=False),
        pa.field("digest", pa.int64(), nullable=False),
        pa.field("digests", pa.list_(pa.int64())),  # of each field; null when that is not asked
    ]
)
"""Store the org's row digests between two steps."""

Facts = NDArray[Any]
"""An array of `FACTS`."""

_LONG = frozenset({FieldType.TEXTAREA})
_BETWEEN, _ESCAPE = b"\x1f", b"\x1e"
"""The separator of two values of a row, and the mark before a character that stands for one of both
in a text.
"""


def compared_fields(spec: ObjectSpec, *, long_texts: bool) -> tuple[str, ...]:
    """The fields whose values are compared: all that whole records bring, or these without long
    texts, which make pages of a query small.
    """
    return tuple(name for name in spec.read_fields if long_texts or spec.fields[name].type not in _LONG)


def facts_of(rows: Sequence[tuple[Any, ...]]) -> Facts:
    """Rows in the order of `FACTS` as an array."""
    return np.array([(row[0].encode(), *row[1:]) for row in rows], FACTS)


def table_of_facts(facts: Facts, digests: Sequence[Sequence[int]] | None = None) -> pa.Table:
    """The org's facts as they are kept; `digests` of each row's fields."""
    columns = [
        pa.array(facts["id"].astype("U18").tolist(), pa.string()),
        *(pa.array(facts[name]) for name in ("lmd", "stamp", "deleted", "digest")),
        pa.array(digests if digests is not None else [None] * len(facts), pa.list_(pa.int64())),
    ]
    return pa.Table.from_arrays(columns, schema=FACTS_SCHEMA)


def facts_of_table(table: pa.Table) -> Facts:
    """The way back; the org's records are complete."""
    facts = np.empty(len(table), FACTS)
    facts["id"] = np.array(table["id"].to_pylist(), "S18")
    for name in ("lmd", "stamp", "deleted", "digest"):
        facts[name] = table[name].to_numpy()
    facts["complete"] = True
    return facts


def partition(facts: Facts, count: int) -> NDArray[np.intp]:
    """Divide records into `count` parts, by the characters of the id that differ most."""
    letters = np.ascontiguousarray(facts["id"]).view(np.uint8).reshape(len(facts), 18).astype(np.intp)
    return ((letters[:, 14] * 61 + letters[:, 13]) * 61 + letters[:, 12]) % count


def field_digests(values: Sequence[Any]) -> list[int]:
    """A digest of each typed value."""
    return [_digest(_bytes(value)) for value in values]


def row_digest(values: Sequence[Any]) -> int:
    """One digest of all of them: the same for the same values alone."""
    parts = [_bytes(value) for value in values]
    row = _BETWEEN.join(parts)
    if row.count(_BETWEEN) >= len(parts) or _ESCAPE in row:
        row = _BETWEEN.join(
            part.replace(_ESCAPE, _ESCAPE + b"0").replace(_BETWEEN, _ESCAPE + b"1") for part in parts
        )
    return _digest(row)


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


def _bytes(value: Any) -> bytes:
    """A typed value the same on both sides, whichever driver has brought it."""
    match value:
        case None:
            return b""
        case bytes():
            return value
        case str():
            return b"s" + value.encode()
        case bool():
            return b"b1" if value else b"b0"
        case int():
            return b"i%d" % value
        case float():
            return b"f" + repr(value + 0.0).encode()
        case Decimal():
            # Less than nothing that is rounded to nothing has a sign, and no database keeps it.
            return b"d" + f"{value.normalize() + 0:f}".encode()
        case datetime():
            return b"t%d" % round(value.timestamp() * 1_000)
        case date():
            return b"y" + value.isoformat().encode()
        case _:
            raise TypeError(type(value).__name__)


class OrgValues:
    """Types the values of REST's JSON as staging does, PII encrypted, so that they can be held
    against the warehouse's.

    Declared rules are asked, too: a value that one of severity `isolate` keeps out is unknown on
    both sides. `prefixes` as of `checks_of`.
    """

    def __init__(
        self, spec: ObjectSpec, fields: Sequence[str], protector: Protector, prefixes: Mapping[str, str]
    ) -> None:
        self.key_id = protector.ring.active.id
        """Of the tokens; the warehouse's are brought to it before they are compared."""
        self._fields = []
        for name in fields:
            field = spec.fields[name]
            convert = ruled(converter(field, spec.most_bytes), checks_of(field, prefixes))
            is_required = (
                name in spec.required_fields and field.severity_of(Rule.REQUIRED) is Severity.ISOLATE
            )
            empty = MISFIT if is_required else None
            seal = seal_of(spec, name) if field.is_protected else None
            self._fields.append((name, convert, seal, empty))
        self._protector = protector
        self._kept = kept_fields(spec)

    def typed(self, record: Mapping[str, Any], record_id: str) -> list[Any]:
        """One record's values; `MISFIT` for one that does not fit, and for one that was erased
        here, as the warehouse has it for a field that is unknown.
        """
        is_erased = record_id in self._protector.erased
        values: list[Any] = []
        for name, convert, seal, empty in self._fields:
            value = record.get(name)
            if is_erased and name not in self._kept:
                values.append(MISFIT)
            elif value is None:
                values.append(empty)
            else:
                given = value if seal is None else self._seal(seal, value, record_id)
                values.append(landed(convert, given))
        return values

    def _seal(self, seal: Seal, value: Any, record_id: Any) -> str:
        # The key of the first page, also when there is a newer one by the last.
        return self._protector.seal(seal, value, record_id, key_id=self.key_id)
