"""check_log: the warehouse held against itself. What is curated must follow from the change log; what does not is made anew from it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson
from temporalio import activity

from activities.heartbeats import heartbeating
from activities.rebuild import rebuild_records
from clients.objectstore import ObjectStore
from clients.warehouse import Transaction, Warehouse, questions
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ids import reconcile_key
from schemas.reconciliations import CheckLogInput, Difference, Kind, LogCheck
from transforms.log_check import Altered, Checked, check_log

STRETCH = timedelta(seconds=60)
"""How long one activity checks before its workflow hears of it."""
RECORDS_AT_ONCE = 2_000


@dataclass
class LogChecks:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Callable[[], Catalogue]
    stretch: timedelta = STRETCH
    records_at_once: int = RECORDS_AT_ONCE

    @activity.defn(name=names.CHECK_LOG)
    async def check_log(self, request: CheckLogInput) -> LogCheck:
        """Check records for one stretch, in the order of their ids; `after` says where the next one goes on."""
        async with heartbeating():
            return await asyncio.to_thread(self._check, request)

    def _check(self, request: CheckLogInput) -> LogCheck:
        spec = self.catalogue().object(request.object)
        ends = time.monotonic() + self.stretch.total_seconds()
        found: list[Altered] = []
        after, records, done = request.after, 0, False
        while not done and time.monotonic() < ends and not activity.is_cancelled():
            checked, after, done = self._check_some(spec, after)
            records += checked.records
            if request.repairs and checked.altered:
                self._mend(spec, [each.record_id for each in checked.altered])
            found += checked.altered
        return LogCheck(
            records=records,
            altered=len(found),
            duplicated=sum(each.is_duplicate for each in found),
            mended=len(found) if request.repairs else 0,
            after=after,
            key=self._keep(request, spec, found),
            done=done,
        )

    def _check_some(self, spec: ObjectSpec, after: str) -> tuple[Checked, str, bool]:
        with self.warehouse.reading() as reading:
            logged = reading.fetch(questions.find_logged(spec, self.records_at_once), [after])
            is_last = len(logged) < self.records_at_once
            upto = "" if is_last else str(logged[-1][0])
            return self._compare(reading, spec, after, upto), upto, is_last

    def _compare(self, reading: Transaction, spec: ObjectSpec, after: str, upto: str) -> Checked:
        is_last = not upto
        bounds = [after] if is_last else [after, upto]
        changes = reading.fetch(questions.read_logged(spec, is_last=is_last), bounds)
        current = reading.fetch(questions.read_current(spec, is_last=is_last), bounds)
        history = reading.fetch(questions.read_history(spec, is_last=is_last), bounds) if spec.history else []
        return check_log(changes, current, history, spec)

    def _mend(self, spec: ObjectSpec, record_ids: list[str]) -> None:
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            rebuild_records(transaction, spec, record_ids)

    def _keep(self, request: CheckLogInput, spec: ObjectSpec, found: list[Altered]) -> str | None:
        if not found:
            return None
        fields = {column: name for name, column in spec.columns.items()}
        listed = [
            Difference(
                record_id=each.record_id,
                kind=Kind.DUPLICATE if each.is_duplicate else Kind.ALTERED,
                fields=tuple(fields.get(column, column) for column in each.columns),
            ).model_dump(mode="json")
            for each in found
        ]
        key = reconcile_key(request.org, request.object, request.run, f"log-{request.number:04d}.json")
        self.store.put(key, orjson.dumps(listed))
        return key
