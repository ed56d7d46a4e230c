"""Own changes that come back close their writebacks: the change log is asked for what was done
lately.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.writeback.named_records import name_records
from clients.concurrency import run_to_completion
from clients.metrics.writebacks import observe_echoes
from clients.salesforce.http import Sessions
from clients.telemetry.spans import SpanKind, SpanSpec, first_span_of, is_on, record_span
from clients.warehouse import Warehouse
from clients.warehouse.sql.writeback import read_returned_changes
from clients.writeback.echoes import Echoes
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ids import writeback_batch_id
from schemas.ingest.change_types import SNAPSHOT
from schemas.writeback.messages import EchoCounts, EchoInput
from transforms.apply.logged_since import CLOCK_ROOM
from transforms.writeback.echo import Returned, Unechoed, echo_of

_PAGE = 20_000
"""Writebacks of one question to the warehouse."""
_MOST_PAGES = 10


@dataclass
class EchoSteps:
    """The activity and what it needs."""

    echoes: Echoes
    warehouse: Warehouse
    sessions: Sessions
    catalogue: Catalogue

    @activity.defn(name=names.FIND_ECHOES)
    async def find_echoes(self, request: EchoInput) -> EchoCounts:
        """Find the changes that an object's writebacks of the last hour have made, as far as they
        have come back.
        """
        us = (await self.sessions.session()).user_id
        return await run_to_completion(
            asyncio.to_thread(self._find, self.catalogue.object(request.object), us, request.org)
        )

    def _find(self, spec: ObjectSpec, us: str, org: str) -> EchoCounts:
        looked, found, after = 0, 0, 0
        for _ in range(_MOST_PAGES):
            page = self.echoes.missing(spec.name, _PAGE, after=after)
            if not page:
                break
            returned = self._returned(spec, page)
            echoed = {each.number: echo_of(each, returned.get(each.record_id, ()), us) for each in page}
            known = {number: moment for number, moment in echoed.items() if moment is not None}
            self.echoes.keep(known)
            _record_spans(org, spec.name, page, known)
            sent = {each.number: each.sent_at for each in page}
            took = ((moment - sent[number]).total_seconds() for number, moment in known.items())
            observe_echoes(spec.name, took)
            looked, found, after = looked + len(page), found + len(known), page[-1].number
        return EchoCounts(looked=looked, found=found)

    def _returned(self, spec: ObjectSpec, page: Sequence[Unechoed]) -> dict[str, list[Returned]]:
        """Record id -> its changes since the first of these was sent."""
        records = sorted({each.record_id for each in page})
        since = min(each.sent_at for each in page).replace(microsecond=0)
        with self.warehouse.reading() as reading:
            listed = name_records(reading, records)
            values = [since, since - CLOCK_ROOM, *listed]
            rows = reading.fetch(read_returned_changes(spec, len(listed)), values)
        found: defaultdict[str, list[Returned]] = defaultdict(list)
        for record_id, at, applied_at, kind, user, origin in rows:
            found[record_id].append(Returned(at, applied_at, kind == SNAPSHOT, user or "", origin or ""))
        return found


def _record_spans(
    org: str, object_name: str, page: Sequence[Unechoed], known: Mapping[int, datetime]
) -> None:
    """A span a batch whose changes came back: from its first call to the last change's commit in
    the warehouse.
    """
    if not is_on():
        return
    by_batch: defaultdict[str, list[Unechoed]] = defaultdict(list)
    for each in page:
        if each.number in known:
            by_batch[each.batch].append(each)
    for batch, echoed in by_batch.items():
        workflow_id = writeback_batch_id(org, object_name, batch)
        spec = SpanSpec(
            "writeback.echo",
            {"tidegate.object": object_name, "tidegate.changes": len(echoed)},
            SpanKind.CONSUMER,
            parent=first_span_of(workflow_id),
            began_ns=_ns(min(each.sent_at for each in echoed)),
        )
        record_span(spec, _ns(max(known[each.number] for each in echoed)))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
