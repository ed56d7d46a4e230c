"""The rows that quarantine holds of replayed batches, replaced by those that still do not fit.

A row that stays as it is, is not touched; one whose reason has changed keeps the time of its
first refusal. What of them a query can answer, and none has answered yet, is asked for once
more.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Self

import pyarrow as pa

from activities.apply.ledger import Share
from activities.request_reread import ask
from clients.warehouse import Transaction
from clients.warehouse.sql import repair as repair_sql, replay as sql
from clients.warehouse.sql.apply import QUARANTINE
from schemas.ops_tables import QUARANTINE_COLUMNS
from schemas.tables import arrow_schema
from transforms.ingest.stage_events import for_quarantine
from transforms.repair import asked_by_refusals


class _Row(NamedTuple):
    """The key that distinguishes one refusal from another."""

    ordinal: int
    record_id: str | None
    reason: str
    detail: str


@dataclass
class Requarantine:
    """One object's quarantine of a group of batches."""

    held: dict[str, dict[_Row, datetime]]
    """Batch -> row -> when it was refused first."""
    answered: set[tuple[str, _Row]] = field(default_factory=set)
    """Rows of `held` that a reading has answered."""
    asked: set[tuple[str, int]] = field(default_factory=set)
    """Batch and ordinal of what is to be read already."""
    leave: list[tuple[str, _Row]] = field(default_factory=list)
    come: list[pa.Table] = field(default_factory=list)
    waiting: list[pa.Table] = field(default_factory=list)
    """Rows refused, unanswered and not yet queued, whether they arrive now or were there before."""
    released: int = 0
    """Rows fewer than before."""

    @classmethod
    def read(cls, transaction: Transaction, name: str, batches: list[str]) -> Self:
        """The rows of the object called `name`."""
        held: defaultdict[str, dict[_Row, datetime]] = defaultdict(dict)
        answered = set()
        for batch, ordinal, record_id, reason, detail, at, answered_at in transaction.fetch(
            sql.find_refused(len(batches)), [name, *batches]
        ):
            row = _Row(int(ordinal), record_id, reason, detail)
            held[batch][row] = at
            if answered_at is not None:
                answered.add((batch, row))
        rows = transaction.fetch(repair_sql.find_open_changes(len(batches)), [name, *batches])
        return cls(held, answered, {(batch, int(ordinal)) for batch, ordinal in rows})

    def replace(self, share: Share, record: str | None) -> int:
        """Let the share's refused changes be all that is refused of its batch, or of one record in
        it.

        Returns the rows that quarantine then holds of the batch.
        """
        held = self.held.get(share.batch, {})
        scope = {row for row in held if record is None or row.record_id == record}
        refused = share.refused
        rows = [] if refused is None else _rows(refused)
        gone = scope - set(rows)
        self.leave += [(share.batch, row) for row in gone]
        fresh = [place for place, row in enumerate(rows) if row not in scope]
        if refused is not None and fresh:
            first = {row.ordinal: held[row] for row in gone}
            now = datetime.now(UTC)
            stamps = [first.get(rows[place].ordinal, now) for place in fresh]
            self.come.append(for_quarantine(refused.take(pa.array(fresh)), stamps))
        if refused is not None:
            waits = [self._waits(share.batch, row) for row in rows]
            self.waiting.append(refused.filter(pa.array(waits, pa.bool_())))
        self.released += max(0, len(scope) - len(rows))
        return len(held) - len(scope) + len(rows)

    def _waits(self, batch: str, row: _Row) -> bool:
        return (batch, row) not in self.answered and (batch, row.ordinal) not in self.asked

    def write(self, transaction: Transaction) -> None:
        """Make it so."""
        if self.leave:
            rows = [
                {"record_id": row.record_id or "", "batch": batch, "ordinal": row.ordinal}
                for batch, row in self.leave
            ]
            table = pa.Table.from_pylist(rows, schema=arrow_schema(sql.RELEASED_COLUMNS))
            transaction.stage(sql.RELEASED, sql.RELEASED_COLUMNS, table)
            transaction.execute(sql.delete_released())
        if self.come:
            transaction.load(QUARANTINE, QUARANTINE_COLUMNS, pa.concat_tables(self.come))
        if self.waiting:
            ask(transaction, asked_by_refusals(pa.concat_tables(self.waiting)))


def _rows(refused: pa.Table) -> list[_Row]:
    names = ("ordinal", "record_id", "reason", "detail")
    columns = (refused[name].to_pylist() for name in names)
    return [_Row(*row) for row in zip(*columns, strict=True)]
