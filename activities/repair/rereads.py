"""find_rereads, close_rereads: what is on the list `ops.reread`, as repairs; and what of it is
answered.

The change log closes the list, not the work done: a gap is answered by any later whole image,
whatever brought it. So nothing here need be done exactly once.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
import pyarrow as pa
from temporalio import activity
from temporalio.client import Client

from activities.quality.late_parents import LateParents
from activities.quality.references import USUAL, LookPace, ReferenceChecks
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import repair as sql
from clients.warehouse.sql.apply import RECORD_LIST, TOUCHED
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ids import backfill_workflow_id, ids_key
from schemas.quality import LATE_PARENT_GRACE
from schemas.repair import CloseInput, FindInput, FindResult, Repair
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from transforms.apply.logged_since import logged_since
from transforms.ingest.snapshots import GONE_ORIGIN
from transforms.repair import BY_WINDOW, LONGEST_TRANSACTION, Cause

PATIENCE = timedelta(seconds=20)
"""Waiting time of an incomplete record: its missing part may be on its way, in another lane or a
batch that is not applied yet.
"""
STORM = 10 * COLLECTION_RETRIEVE_MAX
"""More records than this are read as a window: ten calls are what a query job costs."""
MOST_ATTEMPTS = 3
"""A record that was read this often without an answer is left, with the reason in quarantine."""
REPAIR_WINDOW = "repair-"
"""Prefix of the windows of repairs."""


class Due(NamedTuple):
    """Incomplete records are read that asked by a time, or that asked in the future: by a clock
    that was ahead, and nobody waits until it is right.
    """

    asked_by: datetime
    now: datetime

    def is_due(self, asked_at: datetime) -> bool:
        """True when what asked then is read."""
        return asked_at <= self.asked_by or asked_at > self.now


NOTHING_DUE = Due(datetime.fromtimestamp(0, UTC), datetime.max.replace(tzinfo=UTC))


class Open(NamedTuple):
    """A row of `statements.count_open_rereads`."""

    object: str
    cause: str
    records: int
    first: datetime
    last: datetime
    since: datetime | None
    unbounded: int
    attempts: int
    asked_at: datetime


@dataclass
class Rereads:
    """The activities and what they need; one for a process."""

    client: Client
    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    patience: timedelta = PATIENCE
    storm: int = STORM
    most_attempts: int = MOST_ATTEMPTS
    grace: timedelta = LATE_PARENT_GRACE
    pace: LookPace = USUAL
    has_closed_rules: bool = False

    @activity.defn(name=names.FIND_REREADS)
    async def find_rereads(self, request: FindInput) -> FindResult:
        """The records to read now, late parents among them. A few small queries when that is
        nothing.
        """
        async with heartbeating():
            await asyncio.to_thread(self._look)
            found = await asyncio.to_thread(self._open, request)
            held = await self._being_backfilled(request.org, found)
            repairs = await asyncio.to_thread(self._repairs, request.org, found, held)
        waits = {row.object for row in found} - {repair.object for repair in repairs}
        return FindResult(repairs=tuple(repairs), waiting=tuple(sorted(waits)))

    def _look(self) -> None:
        if not self.has_closed_rules:
            # Which rules are asked is in the catalogue's file, which is read when a process starts.
            ReferenceChecks(self.warehouse, self.catalogue).close_rules_that_are_off()
            self.has_closed_rules = True
        LateParents(self.warehouse, self.catalogue, self.grace, self.pace).look()

    @activity.defn(name=names.CLOSE_REREADS)
    async def close_rereads(self, request: CloseInput) -> None:
        """Close what is answered; count the reading of a record that is not."""
        async with heartbeating():
            await asyncio.to_thread(self._close, request)

    def _open(self, request: FindInput) -> list[Open]:
        with self.warehouse.transaction() as transaction:
            rows = [Open(*row) for row in transaction.fetch(sql.count_open_rereads())]
        return [
            row for row in rows if row.object in self.catalogue.objects and row.object not in request.busy
        ]

    async def _being_backfilled(self, org: str, found: Sequence[Open]) -> set[str]:
        """Objects whose incomplete records a backfill is about to bring anyway."""
        waiting = {row.object for row in found if row.cause == Cause.INCOMPLETE}
        held: set[str] = set()
        if waiting:
            running = self.client.list_workflows(
                f'WorkflowType = "{names.BACKFILL_WORKFLOW}" AND ExecutionStatus = "Running"'
            )
            async for each in running:
                held |= {name for name in waiting if _brings(each.id, org, name)}
        return held

    def _repairs(self, org: str, found: Iterable[Open], held: set[str]) -> list[Repair]:
        by_object: dict[str, list[Open]] = {}
        for row in found:
            by_object.setdefault(row.object, []).append(row)
        now = datetime.now(UTC)
        due = Due(now - self.patience, now)
        repairs = (
            self._repair(org, name, rows, NOTHING_DUE if name in held else due)
            for name, rows in by_object.items()
        )
        return [repair for repair in repairs if repair is not None]

    def _repair(self, org: str, name: str, rows: list[Open], due: Due) -> Repair | None:
        windows = [row for row in rows if row.cause in BY_WINDOW]
        if windows:
            return _by_window(name, windows)
        named = [row for row in rows if row.cause != Cause.INCOMPLETE or due.is_due(row.asked_at)]
        if sum(row.records for row in named) > self.storm and not any(row.attempts for row in named):
            return _by_storm(name, named)
        return self._by_ids(org, name, due) if named else None

    def _by_ids(self, org: str, name: str, due: Due) -> Repair | None:
        """The records that have waited longest, as many as may be read one by one."""
        spec = self.catalogue.object(name)
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            _close_answered(transaction, spec)
            rows = transaction.fetch(sql.find_open_records(self.storm), [name, Cause.INCOMPLETE, *due])
        if not rows:
            return None
        last = max(row[1] for row in rows)
        body = orjson.dumps(sorted(row[0] for row in rows))
        key = ids_key(org, hashlib.sha256(body).hexdigest())
        self.store.put(key, body)
        return Repair(object=name, window=_window(), ids_key=key, after=last, stands_at=last, asked=len(rows))

    def _close(self, request: CloseInput) -> None:
        repair = request.repair
        spec = self.catalogue.object(repair.object)
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            now = _close_answered(transaction, spec)
            if repair.ids_key is None:
                by = backfill_workflow_id(request.org, repair.object, repair.window)
                transaction.execute(sql.close_window(), [now, by, repair.object, repair.after])
            if repair.answers_records:
                transaction.execute(sql.count_attempt_of_all(), [repair.object, repair.after])
            elif repair.ids_key is not None:
                ids: list[str] = orjson.loads(self.store.get(repair.ids_key))
                listed = pa.table({"record_id": pa.array(ids, pa.large_string())})
                transaction.stage(TOUCHED, RECORD_LIST, listed)
                transaction.execute(sql.count_attempt(), [repair.object, repair.after])
            transaction.execute(sql.give_up(), [now, repair.object, self.most_attempts])
            transaction.execute(sql.resolve_quarantine(), [now, repair.object])


def _brings(workflow_id: str, org: str, name: str) -> bool:
    beginning = backfill_workflow_id(org, name, "")
    return workflow_id.startswith(beginning) and not workflow_id.startswith(beginning + REPAIR_WINDOW)


def _close_answered(transaction: Transaction, spec: ObjectSpec) -> datetime:
    now = datetime.now(UTC)
    ((oldest,),) = transaction.fetch(sql.find_oldest_open(), [spec.name])
    if oldest is not None:
        since = logged_since(oldest, now)
        transaction.execute(sql.close_told(spec), [now, since, spec.name, GONE_ORIGIN, spec.name])
    transaction.execute(sql.close_whole(spec), [now, spec.name, Cause.INCOMPLETE])
    transaction.execute(sql.resolve_quarantine(), [now, spec.name])
    return now


def _window() -> str:
    """A name that no reading had before: one that is tried again reads again."""
    return f"{REPAIR_WINDOW}{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def _by_window(name: str, rows: list[Open]) -> Repair:
    """A hole's rows stand at their modstamps. What one transaction left untold stands at its
    commit.
    """
    since = [row.since for row in rows if row.since is not None]
    commits = [row.last for row in rows if row.cause != Cause.HOLE]
    return Repair(
        object=name,
        window=_window(),
        since=None if any(row.unbounded for row in rows) else min(since),
        after=max(row.last for row in rows),
        stands_at=max(commits, default=None),
        asked=len(rows),
    )


def _by_storm(name: str, rows: list[Open]) -> Repair:
    last = max(row.last for row in rows)
    return Repair(
        object=name,
        window=_window(),
        since=min(row.first for row in rows) - LONGEST_TRANSACTION,
        after=last,
        stands_at=last,
        answers_records=True,
        asked=sum(row.records for row in rows),
    )
