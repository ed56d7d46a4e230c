"""Faults of a stream, planted by a seed: changes that its events do not tell, or tell in part."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from temporalio.client import WorkflowHandle

from schemas.ingest.messages import PauseInput
from tests.support.builders.waiting import until
from tests.support.engines.repairing import holes
from tests.support.engines.small_engine import SmallEngine
from workflows import LaneWorkflow

OBJECT, TABLE = "Account", "account"
_OVERFLOW_AFTER = 3
"""Changes of a transaction that the bus tells before it says that there were more."""


@dataclass
class StreamFaults:
    """Plants faults in an engine whose lane follows; only the lane's events report them."""

    engine: SmallEngine
    chance: random.Random
    lane: WorkflowHandle[LaneWorkflow, None]
    purged: list[str] = field(default_factory=list)
    """Records that the org has forgotten."""

    def __post_init__(self) -> None:
        rows = self.engine.rows(f"SELECT record_id FROM curated.{TABLE}_current ORDER BY record_id")
        self._live = [row[0] for row in rows]
        self.chance.shuffle(self._live)

    @property
    def kinds(self) -> list[str]:
        return [each.__name__ for each in (*self._told_badly(), *self._in_a_hole())]

    def plant(self, count: int) -> dict[str, str]:
        """Faults of events; returns record id -> kind."""
        return self._plant(self._told_badly(), count)

    async def plant_expired(self, count: int) -> dict[str, str]:
        """Changes that the bus has forgotten when the lane comes back; returns when it has
        noticed.
        """
        before = await holes(self.engine)
        await self.lane.signal(LaneWorkflow.pause, PauseInput(by="test", reason="the bus forgets"))
        planted = self._plant(self._in_a_hole(), count)
        # Deletions are reported by the whole minute.
        self.engine.served.org.advance_clock(130)
        self.engine.served.org.bus.forget_all()
        await self.lane.signal(LaneWorkflow.resume, PauseInput(by="test"))

        async def has_noticed() -> bool:
            return await holes(self.engine) > before

        await until(has_noticed, seconds=30)
        return planted

    def _plant(self, kinds: list[Callable[[str], str]], count: int) -> dict[str, str]:
        planted = {}
        for number in range(count):
            self.engine.served.org.advance_clock(self.chance.choice((0, 0, 1, 40)))
            plant = kinds[number % len(kinds)]
            planted[plant(self._live.pop())] = plant.__name__
        return planted

    def _told_badly(self) -> list[Callable[[str], str]]:
        return [self.gap, self.gap_and_delete, self.wildcard, self.overflow, self.lost_base]

    def _in_a_hole(self) -> list[Callable[[str], str]]:
        return [self.expired_update, self.expired_create, self.expired_delete, self.expired_hard_delete]

    def gap(self, record_id: str) -> str:
        self.engine.served.org.change_outside(OBJECT, [record_id], {"Name": f"by a gap {record_id}"})
        return record_id

    def gap_and_delete(self, record_id: str) -> str:
        self.gap(record_id)
        return self.expired_delete(record_id)

    def wildcard(self, record_id: str) -> str:
        """The record changes, and only the prefix of its id is sent."""
        org = self.engine.served.org
        records = org.records_of(OBJECT)
        with org.batch() as batch:
            row, _, _ = records.fetch(record_id, ())
            changed = records.for_update({"Name": f"by a wildcard {record_id}"})
            records.write(row, changed, batch.moment.stored)
            batch.gap(records.shape, "UPDATE", [f"{record_id[:3]}*"])
        return record_id

    def overflow(self, record_id: str) -> str:
        org = self.engine.served.org
        usual, org.overflow_changes = org.overflow_changes, _OVERFLOW_AFTER
        with org.transaction() as tx:
            for number in range(2 * _OVERFLOW_AFTER):
                tx.create(OBJECT, {"Name": f"of a large transaction {number}"})
            tx.update(OBJECT, record_id, {"Name": f"of a large transaction {record_id}"})
        org.overflow_changes = usual
        return record_id

    def lost_base(self, record_id: str) -> str:
        """An update of a record that the warehouse has never seen."""
        with self.engine.warehouse.transaction() as transaction:
            for table in (f"curated.{TABLE}_current", f"curated.{TABLE}_history", f"audit.{TABLE}_change"):
                transaction.execute(f"DELETE FROM {table} WHERE record_id = '{record_id}'")
        return self.expired_update(record_id)

    def expired_update(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.update(OBJECT, record_id, {"Name": f"renamed {record_id}"})
        return record_id

    def expired_create(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            return tx.create(OBJECT, {"Name": "never heard of"})

    def expired_delete(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.delete(OBJECT, record_id)
        return record_id

    def expired_hard_delete(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.hard_delete(OBJECT, record_id)
        self.purged.append(record_id)
        return record_id
