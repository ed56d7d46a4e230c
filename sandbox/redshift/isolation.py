"""Isolation of transactions: SNAPSHOT, or SERIALIZABLE by tables read and written.

A transaction sees the database as of its first query; LOCK takes no snapshot. A write locks its
table until the transaction ends, so that a second writer waits. SERIALIZABLE adds: transactions
that ran at the same time and have read what others of them wrote, in a circle, fit into no
order; the one that closes the circle gets error 1023.
https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
https://docs.aws.amazon.com/redshift/latest/dg/c_write_readwrite.html
"""

from dataclasses import dataclass, field
from typing import Literal

from sandbox.redshift.plan.plans import Plan, RefusedError
from sandbox.redshift.rules.rule import rule
from sandbox.redshift.wire.backend import Backend

Level = Literal["snapshot", "serializable"]
_MAKERS = 5_440
"""Class of the locks of objects that are being made."""
CONFLICT = rule(
    "serializable-conflict",
    "isolation",
    "Transactions that ran at the same time and fit into no order: the last one fails with error 1023.",
    "c_serial_isolation-serializable-isolation-troubleshooting",
    "XX000",
)


@dataclass(eq=False)
class Transaction:
    """The tables that one transaction has read and written."""

    began: int
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    ended: int | None = None
    """When it was committed; None = it runs."""


@dataclass
class History:
    """The transactions of one database that may still be in a circle."""

    clock: int = 0
    known: list[Transaction] = field(default_factory=list)

    def begin(self) -> Transaction:
        self.clock += 1
        made = Transaction(self.clock)
        self.known.append(made)
        return made

    def commit(self, done: Transaction) -> None:
        self.clock += 1
        done.ended = self.clock
        self._forget()

    def abort(self, done: Transaction) -> None:
        self.known.remove(done)
        self._forget()

    def _forget(self) -> None:
        """Forget what was over before everything that runs has begun."""
        first = min((each.began for each in self.known if each.ended is None), default=self.clock)
        self.known = [each for each in self.known if each.ended is None or each.ended > first]

    def is_in_circle(self, one: Transaction) -> bool:
        """True when `one` must come both before and after another committed transaction.

        A reader comes before a writer whose commit it did not see.
        """
        seen: set[int] = set()
        waiting = [one]
        while waiting:
            present = waiting.pop()
            for other in self.known:
                if other is present or not self._precedes(present, other):
                    continue
                if other is one:
                    return True
                if id(other) not in seen:
                    seen.add(id(other))
                    waiting.append(other)
        return False

    @staticmethod
    def _precedes(reader: Transaction, writer: Transaction) -> bool:
        has_not_seen = writer.ended is None or writer.ended > reader.began
        overlap = reader.ended is None or reader.ended > writer.began
        return has_not_seen and overlap and bool(reader.reads & writer.writes)


class Isolation:
    """One session's part."""

    def __init__(self, level: Level, history: History) -> None:
        self._level = level
        self._history = history
        self._locked: set[str] = set()
        self._present: Transaction | None = None
        self._is_committing = False

    async def before(self, backend: Backend, plan: Plan) -> None:
        """Lock what the statement writes, and note what it reads. Raises `RefusedError` for a
        conflict.
        """
        if plan.makes:
            # PostgreSQL looks whether there is such an object before it waits for its maker, so the
            # later one meets a unique index of the catalogue, even with IF NOT EXISTS.
            await backend.run(f"SELECT pg_advisory_xact_lock({_MAKERS}, hashtext('{_made(plan.makes)}'))")
        for table in sorted(plan.writes - self._locked):
            await backend.run(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            self._locked.add(table)
        if self._level == "serializable" and (plan.reads or plan.writes):
            self._present = self._present or self._history.begin()
            self._present.reads |= {_plain(table) for table in plan.reads}
            self._present.writes |= {_plain(table) for table in plan.writes}
            self._check(self._present)

    async def commits(self) -> None:
        """Called before a commit."""
        if self._present is not None:
            self._check(self._present)
            self._is_committing = True

    def ended(self) -> None:
        """The transaction is over."""
        self._locked.clear()
        if self._present is not None:
            (self._history.commit if self._is_committing else self._history.abort)(self._present)
        self._present, self._is_committing = None, False

    def _check(self, present: Transaction) -> None:
        if self._history.is_in_circle(present):
            tables = ", ".join(sorted(present.reads | present.writes))
            raise RefusedError(CONFLICT, "1023", f"Serializable isolation violation on table - {tables}")


def _plain(table: str) -> str:
    return table.replace('"', "")


def _made(name: str) -> str:
    """The part of a name that makers of one object share: a session's path decides on the
    schema.
    """
    return _plain(name).rpartition(".")[2].replace("'", "''")
