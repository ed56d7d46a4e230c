"""Law 9 of writebacks: a batch's attempts are sealed in the audit log by their digest."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from clients.database.audit_log import append_act
from clients.writeback.attempts.values import VALUES
from clients.writeback.tables import WRITEBACK_ATTEMPT
from schemas.ingest.messages import Act
from schemas.writeback.messages import BatchCounts

ACT = "writeback.batch"
"""The act that seals a batch's attempts: its detail ends with their digest."""
RESEALED = "writeback.batch.resealed"
"""The act by which an erasure seals a batch again that was sealed over values."""
SEALED = (
    "number", "attempt", "batch", "caller", "sent", "before", "outcome", "code", "reason", "record_id", "looked_up", "sent_at", "known_at"
)  # fmt: skip
"""The columns of an attempt that are sealed, in this order: a column that is added later does not
change what was sealed before.
"""


READ = (*SEALED, "words", "salt", "values_digest", "erased_by")
"""Columns that are read of an attempt to seal or verify it."""


def attempts_digest(rows: Iterable[sa.Row[Any]]) -> str:
    """SHA-256 of attempts, in hex; they come by number and attempt, with the columns of `READ`."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(orjson.dumps(_facts(row), option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def attempts_of(connection: sa.Connection, batch: str) -> list[sa.Row[Any]]:
    """A batch's attempts by number and attempt."""
    table = WRITEBACK_ATTEMPT.c
    columns = [table[name] for name in READ]
    query = sa.select(*columns).where(table.batch == batch).order_by(table.number, table.attempt)
    return list(connection.execute(query))


def sealed_target(object_name: str, batch: str) -> str:
    """The target of the act that seals a batch."""
    return f"writebacks/{object_name}/{batch}"


def sealed_digest(detail: str) -> str:
    """The digest that such an act's detail ends with."""
    return detail.rpartition(" ")[2]


def _facts(row: sa.Row[Any]) -> list[Any]:
    """The sealed columns; of values their salted digest alone, where the attempt has one."""
    is_salted = row.values_digest is not None
    names = [name for name in SEALED if not (is_salted and name in VALUES)]
    facts = [getattr(row, name) for name in names] + ([row.values_digest] if is_salted else [])
    return [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in facts]


def seal(connection: sa.Connection, batch: str, object_name: str, counts: BatchCounts) -> None:
    """Put the digest of a batch's attempts on record."""
    digest = attempts_digest(attempts_of(connection, batch))
    told = ", ".join(f"{name} {value}" for name, value in counts.model_dump().items() if value)
    act = Act(
        act=ACT,
        by="tidegate",
        target=sealed_target(object_name, batch),
        detail=f"{told}; attempts {digest}",
        at=datetime.now(UTC),
    )
    append_act(connection, act)
