"""The findings, scorecards and holds of a warehouse, for the command and the API: looks, and acts
that go on record (law 9).

An act is written into the audit log before the warehouse commits it: what took effect is always
on record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from activities.request_reread import ask
from clients.database.audit_log import AuditLog
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import holds, quality_queries as sql
from schemas.ingest.messages import Act
from schemas.message import Message
from schemas.quality_views import FindingChoice, FindingGroup, FindingRow, HoldView, Score
from transforms.ingest.change_header import moment_of
from transforms.repair import NOT_IN_QUARANTINE, Asked, Cause

DAYS = 7
"""Of scorecards that are shown."""
_REASON_LENGTH = 1_024

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class QualityLooks:
    """Looks. Its methods block."""

    warehouse: Warehouse

    def scorecard(self, object_name: str = "", days: int = DAYS) -> list[Score]:
        """The last days, today (UTC) included, the newest first; "": every object."""
        first = datetime.now(UTC).date() - timedelta(days=days - 1)
        return _read(Score, self._fetch(sql.read_scorecard(), [object_name, object_name, str(first)]))

    def groups(self, choice: FindingChoice) -> list[FindingGroup]:
        """Open findings, counted."""
        return _read(FindingGroup, self._fetch(sql.count_findings(), choice.parameters()))

    def findings(self, choice: FindingChoice, most: int, *, everything: bool = False) -> list[FindingRow]:
        """The findings seen last; `everything`: also those that are acknowledged or resolved."""
        statement = sql.list_every_finding(most) if everything else sql.list_waiting_findings(most)
        return _read(FindingRow, self._fetch(statement, choice.parameters()))

    def holds(self) -> list[HoldView]:
        """Objects whose batches wait."""
        return _read(HoldView, self._fetch(holds.list_holds(), []))

    def _fetch(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.warehouse.transaction() as transaction:
            return transaction.fetch(statement, parameters)


@dataclass(frozen=True)
class _Answer:
    """An act of an operator: which, by whom, why and when."""

    act: str
    by: str
    why: str
    at: datetime

    def values(self) -> list[Any]:
        """As the columns `acknowledged_at`, `_by` and `_reason` take them."""
        return [self.at, self.by, self.why[:_REASON_LENGTH]]


@dataclass(frozen=True)
class QualityActs:
    """Acts. Each returns how many rows it changed; one that changes nothing is not on record. Its
    methods block.
    """

    warehouse: Warehouse
    audit: AuditLog

    def acknowledge(self, choice: FindingChoice, *, by: str, reason: str) -> int:
        """Open findings need no more care. A later breach opens a resolved one again, and needs care again."""
        answer, chosen = _Answer("quality.acknowledge", by, reason, datetime.now(UTC)), choice.parameters()
        with self.warehouse.transaction() as transaction:
            count = _count(transaction, sql.count_unacknowledged(), chosen)
            transaction.execute(sql.acknowledge_findings(), [*answer.values(), *chosen])
            self._record(answer, choice.object, choice.words(), count)
        return count

    def redrive(self, choice: FindingChoice, *, by: str, reason: str) -> int:
        """The records of open findings are read from the org, and checked as they are there."""
        answer = _Answer("quality.redrive", by, reason, datetime.now(UTC))
        with self.warehouse.transaction() as transaction:
            count = ask(transaction, _asked(transaction, choice))
            self._record(answer, choice.object, choice.words(), count)
        return count

    def release(self, object_name: str, *, by: str, reason: str) -> int:
        """End an object's hold: what was received until now is applied, and what breaks rules of it waits in quarantine."""
        answer = _Answer("quality.release", by, reason, datetime.now(UTC))
        with self.warehouse.transaction() as transaction:
            count = _count(transaction, holds.count_holds(), [object_name])
            transaction.execute(holds.release(), [*answer.values(), object_name])
            self._record(answer, object_name, "the hold", count)
        return count

    def acknowledge_quarantine(
        self, *, reason: str = "", object_name: str = "", batch: str = "", by: str, why: str
    ) -> int:
        """Refused changes need no more care. They stay on record; nothing of them is counted as
        waiting any more.
        """
        answer = _Answer("quarantine.acknowledge", by, why, datetime.now(UTC))
        statements = (sql.count_unacknowledged_quarantine(), sql.acknowledge_quarantine())
        return self._answer_refused(answer, statements, (reason, object_name, batch), answer.values())

    def discard_quarantine(
        self, *, reason: str = "", object_name: str = "", batch: str = "", by: str, why: str
    ) -> int:
        """Refused changes are given up: they count as answered, and no replay of quarantine takes
        them. They stay on record.
        """
        answer = _Answer("quarantine.discard", by, why, datetime.now(UTC))
        statements = (sql.count_refused(), sql.discard_quarantine())
        parts = (reason, object_name, batch)
        return self._answer_refused(answer, statements, parts, [*answer.values(), answer.at])

    def _answer_refused(
        self, answer: _Answer, statements: tuple[str, str], parts: tuple[str, str, str], values: list[Any]
    ) -> int:
        """Change refused changes, on record; returns how many.

        Args:
            answer: The act.
            statements: One that counts, and one that changes what is counted.
            parts: Reason, object and batch; "" = any.
            values: Parameters of the second statement, before the parts.
        """
        reason, object_name, batch = parts
        chosen = [part for each in parts for part in (each, each)]
        named = {"reason": reason, "batch": batch}
        words = ", ".join(f"{name} {value}" for name, value in named.items() if value) or "every change"
        count_statement, change = statements
        with self.warehouse.transaction() as transaction:
            count = _count(transaction, count_statement, chosen)
            transaction.execute(change, [*values, *chosen])
            self._record(answer, object_name, words, count)
        return count

    def _record(self, answer: _Answer, target: str, words: str, count: int) -> None:
        """Put the act on record, when it has changed any row. `target` "" = every object."""
        if count:
            detail = f"{words} ({count}): {answer.why}"
            target = target or "every object"
            self.audit.append(Act(act=answer.act, by=answer.by, target=target, detail=detail, at=answer.at))


def _count(transaction: Transaction, statement: str, parameters: Sequence[Any]) -> int:
    [(count,)] = transaction.fetch(statement, parameters)
    return int(count)


def _asked(transaction: Transaction, choice: FindingChoice) -> list[Asked]:
    rows = transaction.fetch(sql.find_records_of_findings(), choice.parameters())
    return [
        Asked(batch, name, NOT_IN_QUARANTINE, record_id, Cause.FIELD, order, None, moment_of(order))
        for name, record_id, batch, order in rows
    ]


def _read(kind: type[M], rows: Iterable[Sequence[Any]]) -> list[M]:
    return [kind(**dict(zip(kind.model_fields, row, strict=True))) for row in rows]
