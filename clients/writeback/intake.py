"""Accepting writebacks: what is accepted is durable, and one key of a caller is one writeback
forever.

A request is one transaction. Requests are written one after the other, whichever caller asks: so
keys that two of them share cannot make a deadlock, and numbers grow in the order in which they
become visible. Two callers' writebacks of one record are sent in that order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from clients.database.address import Database
from clients.telemetry.spans import SpanKind, SpanSpec, span
from clients.writeback.parent_locks import LockNames, named_locks
from clients.writeback.store import WritebackStore
from schemas.security.access import ANYTHING, WriterScope
from schemas.writeback.messages import (
    DEADLINE,
    Accepted,
    Intake,
    RefusedWriteback,
    WritebackRequest,
    WritebackState,
)
from transforms.writeback.validate import PreparedWriteback, WritebackChecks, parse

INTAKE_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate intake'))")
"""Held by intake until the transaction ends: numbers become visible in their order."""
_INSERT = sa.text("""
    INSERT INTO writeback (caller, key, fingerprint, object, key_field, external_id, fields, deadline, priority, may_create, mode,
        only_if, unchanged_since, parents, state, not_before, accepted_at, traceparent)
    SELECT :caller, r.key, r.fingerprint, r.object, r.key_field, r.external_id, r.fields, r.deadline, r.priority, r.may_create,
        r.mode, r.only_if, r.unchanged_since, r.parents, :state, :now, :now, :traceparent
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (key text, fingerprint text, object text, key_field text,
        external_id text, fields jsonb, deadline timestamptz, priority smallint, may_create boolean, mode text, only_if jsonb,
        unchanged_since timestamptz, parents text[])) WITH ORDINALITY AS r (key, fingerprint, object, key_field, external_id, fields,
        deadline, priority, may_create, mode, only_if, unchanged_since, parents, place)
    ORDER BY r.place
    ON CONFLICT (caller, key) DO NOTHING
    RETURNING key, number
""")
_KNOWN = sa.text(
    "SELECT key, number, fingerprint FROM writeback WHERE caller = :caller AND key = ANY(CAST(:keys AS text[]))"
)


@dataclass(frozen=True)
class _Kept:
    """The request that a caller's key stands for."""

    number: int
    fingerprint: str
    is_new: bool


class WritebackIntake:
    """The way into one store of writebacks. Its methods block; threads may share it."""

    def __init__(
        self,
        dsn: Database,
        checks: Callable[[], WritebackChecks],
        locks: LockNames = named_locks,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`checks` is called when the first writebacks come, so that nothing has to answer
        before.
        """
        self._store = WritebackStore(dsn)
        self._open_checks = checks
        self._checks: WritebackChecks | None = None
        self._locks = locks
        self._clock = clock

    def submit(
        self,
        caller: str,
        items: Sequence[object],
        *,
        scope: WriterScope = ANYTHING,
        traceparent: str | None = None,
    ) -> Intake:
        """Accept what can be accepted; the answer comes after the commit.

        Args:
            caller: Whose keys they are.
            items: `WritebackRequest`s, or the JSON objects that should be some. What is wrong
                with one concerns no other.
            scope: The objects and fields that the caller may write.
            traceparent: The caller's span (W3C), kept where no spans are made; None: none.

        Raises:
            UnavailableError: The store does not answer; the same request may be sent again.
        """
        if self._checks is None:
            self._checks = self._open_checks()
        request = _Request(self._checks, items, self._clock(), scope)
        locks = self._locks(request.first) if request.first else {}
        rows = [
            _row(each, request.prints[each.index], locks[each.index], request.now) for each in request.first
        ]
        facts = {"tidegate.writebacks": len(rows)}
        with span(SpanSpec("writeback.accept", facts, SpanKind.PRODUCER)) as accepting:
            trace = traceparent if accepting.ref is None else accepting.ref.traceparent
            return request.answer(self._kept(caller, rows, request, trace))

    def prepare(
        self, items: Sequence[object], scope: WriterScope = ANYTHING
    ) -> tuple[list[dict[str, Any]], tuple[RefusedWriteback, ...]]:
        """Check without storing: the writebacks that `submit` would store, with the `index` of
        each, and those that it would refuse. Nothing is stored.
        """
        if self._checks is None:
            self._checks = self._open_checks()
        request = _Request(self._checks, items, self._clock(), scope)
        locks = self._locks(request.first) if request.first else {}
        rows = [
            {"index": each.index, **_row(each, request.prints[each.index], locks[each.index], request.now)}
            for each in request.first
        ]
        return rows, request.refused

    def close(self) -> None:
        """Give the connections back."""
        self._store.close()

    def _kept(
        self, caller: str, rows: list[dict[str, Any]], request: "_Request", traceparent: str | None
    ) -> dict[str, _Kept]:
        """Store the rows whose keys are free; returns what every key of the request stands for
        now.
        """
        state = str(WritebackState.WAITING)
        values = {"caller": caller, "state": state, "now": request.now, "traceparent": traceparent}
        kept: dict[str, _Kept] = {}
        with self._store.begin() as connection:
            connection.execute(INTAKE_LOCK)
            if rows:
                made = connection.execute(_INSERT, {**values, "rows": orjson.dumps(rows).decode()})
                numbers = {str(key): int(number) for key, number in made}
                kept = {
                    row["key"]: _Kept(numbers[row["key"]], row["fingerprint"], is_new=True)
                    for row in rows
                    if row["key"] in numbers
                }
            others = sorted(request.keys - kept.keys())
            if others:
                found = connection.execute(_KNOWN, {"caller": caller, "keys": others})
                kept |= {key: _Kept(number, print_, is_new=False) for key, number, print_ in found}
        return kept


class _Request:
    """One request: its writebacks as they were checked, each key once."""

    def __init__(
        self, checks: WritebackChecks, items: Sequence[object], now: datetime, scope: WriterScope
    ) -> None:
        self.now = now
        self.prints: dict[int, str] = {}
        self.first: list[PreparedWriteback] = []
        """Of each key the first one that can be accepted."""
        self.keys: set[str] = set()
        self._read: list[WritebackRequest | RefusedWriteback] = []
        self._found: list[PreparedWriteback | RefusedWriteback] = []
        by_key: dict[str, str] = {}
        for index, item in enumerate(items):
            read = _within(scope, index, parse(index, item))
            found = read if isinstance(read, RefusedWriteback) else checks.check(index, read, now)
            self._read.append(read)
            self._found.append(found)
            if isinstance(read, RefusedWriteback):
                continue
            self.keys.add(read.key)
            self.prints[index] = checks.fingerprint(read)
            if isinstance(found, PreparedWriteback) and read.key not in by_key:
                by_key[read.key] = self.prints[index]
                self.first.append(found)

    @property
    def refused(self) -> tuple[RefusedWriteback, ...]:
        """Writebacks whose content cannot be accepted."""
        return tuple(each for each in self._found if isinstance(each, RefusedWriteback))

    def answer(self, kept: dict[str, _Kept]) -> Intake:
        """The outcome of each. A key that is known with the same content is accepted, whatever the
        checks say of it today.
        """
        accepted, refused = [], []
        firsts = {each.index for each in self.first}
        for index, (read, found) in enumerate(zip(self._read, self._found, strict=True)):
            held = None if isinstance(read, RefusedWriteback) else kept.get(read.key)
            if isinstance(read, RefusedWriteback):
                refused.append(read)
            elif held is not None and held.fingerprint == self.prints[index]:
                is_new = held.is_new and index in firsts
                accepted.append(Accepted(index=index, key=read.key, number=held.number, is_new=is_new))
            elif isinstance(found, RefusedWriteback):
                refused.append(found)
            else:
                number = held.number if held is not None else 0
                refused.append(
                    RefusedWriteback(index=index, key=read.key, field="key", message=_used(number))
                )
        return Intake(accepted=tuple(accepted), refused=tuple(refused))


def _within(
    scope: WriterScope, index: int, read: WritebackRequest | RefusedWriteback
) -> WritebackRequest | RefusedWriteback:
    """The request, or its refusal where the caller's scope ends. A condition is a question about a
    field, so it needs the same right.
    """
    if isinstance(read, RefusedWriteback) or scope == ANYTHING:
        return read
    outside = scope.refusal(read.object, (*read.fields, *(read.only_if or {})))
    if outside is None:
        return read
    return RefusedWriteback(index=index, key=read.key, field=outside[0], message=outside[1])


def _used(number: int) -> str:
    return f"This key was used for another content, which is writeback {number}. Send what was sent then, or make up a new key."


def _row(
    prepared: PreparedWriteback, fingerprint: str, parents: Sequence[str], now: datetime
) -> dict[str, Any]:
    request = prepared.request
    return {
        "key": request.key,
        "fingerprint": fingerprint,
        "object": request.object,
        "key_field": prepared.key_field,
        "external_id": prepared.external_id,
        "fields": prepared.fields,
        "deadline": request.deadline or now + DEADLINE,
        "priority": request.priority,
        "may_create": request.may_create,
        "mode": str(request.mode),
        "only_if": prepared.only_if,
        "unchanged_since": request.unchanged_since,
        "parents": list(parents),
    }
