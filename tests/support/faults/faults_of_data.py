"""Faults of data, planted by a seed: what events that never came, lost batches and people with a
SQL prompt leave behind.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.apply.rebuild import rebuild_records
from cli.local.compare_records import compare_all
from schemas.tables import change_columns
from tests.support.engines.reconciling import ReconcilingEngine

OBJECT, TABLE = "Account", "account"
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
_CURRENT, _HISTORY, _CHANGE = "curated.account_current", "curated.account_history", "audit.account_change"


async def differing_records(engine: ReconcilingEngine) -> list[str]:
    """A sentence for each record that is not the same in the org and the warehouse, value by value;
    the first twenty.
    """
    session = await engine.served.sessions.session()
    only = engine.catalogue.model_copy(update={"objects": {OBJECT: engine.catalogue.object(OBJECT)}})
    control = f"{session.instance_url}/sandbox"
    compared = await asyncio.to_thread(compare_all, control, engine.database, only, engine.protector)
    gone = {row[0] for row in engine.rows(f"SELECT record_id FROM {_CURRENT} WHERE is_deleted")}
    # What the org has forgotten stays in the warehouse, deleted.
    known = {f"{OBJECT} {record_id} is not in the org" for record_id in gone}
    return [sentence for sentence in compared.shown if sentence not in known]


@dataclass
class FaultSeeds:
    """Plants faults in an engine that has been backfilled and gets no events: whatever the org does
    now is lost.
    """

    engine: ReconcilingEngine
    chance: random.Random
    binned: list[str] = field(default_factory=list)
    """Records that are in the recycle bin on both sides."""

    async def prepare(self) -> None:
        """The org's content before it is backfilled."""
        org = self.engine.served.org
        with org.transaction() as tx:
            self.binned = [tx.create(OBJECT, {"Name": f"binned {n}"}) for n in range(12)]
        with org.transaction() as tx:
            for record_id in self.binned:
                tx.delete(OBJECT, record_id)
        self._sql(f"ALTER TABLE {_CURRENT} DROP CONSTRAINT {TABLE}_current_pkey")

    def plant(self, count: int, *, hidden: bool = True) -> dict[str, str]:
        """Plant `count` faults, one a record; returns record id -> kind. `hidden`: also those that
        no aggregate shows.
        """
        kinds = [*self._shown(), *(self._hidden() if hidden else [])]
        rows = self.engine.rows(f"SELECT record_id FROM {_CURRENT} WHERE NOT is_deleted ORDER BY record_id")
        live = [row[0] for row in rows]
        self.chance.shuffle(live)
        planted: dict[str, str] = {}
        for number in range(count):
            plant = kinds[number % len(kinds)]
            self.engine.served.org.advance_clock(self.chance.choice((1, 1, 60, 4_000)))
            record_id = plant(live.pop())
            planted[record_id] = plant.__name__
        self.engine.served.org.advance_clock(10)
        return planted

    def _shown(self) -> list[Callable[[str], str]]:
        return [
            self.lost_update,
            self.lost_create,
            self.lost_delete,
            self.hard_deleted,
            self.lost_undelete,
            self.drifted_formula,
            self.written_by_hand,
            self.history_by_hand,
            self.lost_batch,
            self.lost_log,
            self.row_deleted,
            self.doubled_row,
            self.from_the_future,
        ]

    def _hidden(self) -> list[Callable[[str], str]]:
        return [self.lost_before_a_later_one, self.lost_create_and_delete]

    def lost_update(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.update(OBJECT, record_id, {"Name": f"renamed {record_id}"})
        return record_id

    def lost_create(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            return tx.create(OBJECT, {"Name": "never heard of"})

    def lost_delete(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.delete(OBJECT, record_id)
        return record_id

    def hard_deleted(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            tx.hard_delete(OBJECT, record_id)
        return record_id

    def lost_undelete(self, record_id: str) -> str:
        binned = self.binned.pop()
        with self.engine.served.org.transaction() as tx:
            tx.undelete(OBJECT, binned)
        return binned

    def drifted_formula(self, record_id: str) -> str:
        """A value that changes without a modstamp and without an event."""
        with self.engine.served.org.batch():
            self.engine.served.org.store.connection.execute(
                'UPDATE "Account" SET OpenBalance__c = coalesce(OpenBalance__c, 0) + 7.25 WHERE Id = ?',
                (record_id,),
            )
        return record_id

    def written_by_hand(self, record_id: str) -> str:
        column = self.chance.choice(("name", "type", "region"))
        self._sql(f"UPDATE {_CURRENT} SET {column} = 'by hand' WHERE record_id = '{record_id}'")
        return record_id

    def history_by_hand(self, record_id: str) -> str:
        self._sql(f"UPDATE {_HISTORY} SET industry = 'by hand' WHERE record_id = '{record_id}'")
        return record_id

    def lost_batch(self, record_id: str) -> str:
        for table in (_CURRENT, _HISTORY, _CHANGE):
            self._sql(f"DELETE FROM {table} WHERE record_id = '{record_id}'")
        return record_id

    def lost_log(self, record_id: str) -> str:
        self._sql(f"DELETE FROM {_CHANGE} WHERE record_id = '{record_id}'")
        return record_id

    def row_deleted(self, record_id: str) -> str:
        self._sql(f"DELETE FROM {_CURRENT} WHERE record_id = '{record_id}'")
        return record_id

    def doubled_row(self, record_id: str) -> str:
        self._sql(f"INSERT INTO {_CURRENT} SELECT * FROM {_CURRENT} WHERE record_id = '{record_id}'")
        return record_id

    def from_the_future(self, record_id: str) -> str:
        """A change of the year 2100, as releases applied it that did not look at the clock."""
        spec = self.engine.catalogue.object(OBJECT)
        order = f"{round(FUTURE.timestamp() * 1_000):013d}.{1:020d}.{1:08d}"
        made = {
            "change_order": f"'{order}'",
            "change_type": "'update'",
            "changed_at": f"TIMESTAMPTZ '{FUTURE.isoformat()}'",
            "changed_fields": "'name'",
            "name": "'from the future'",
        }
        columns = [column.name for column in change_columns(spec)]
        values = ", ".join(made.get(name, f'"{name}"') for name in columns)
        with self.engine.warehouse.transaction() as transaction:
            transaction.execute(
                f"INSERT INTO {_CHANGE} SELECT {values} FROM {_CHANGE} WHERE record_id = '{record_id}' LIMIT 1"
            )
            rebuild_records(transaction, spec, [record_id])
        return record_id

    def lost_before_a_later_one(self, record_id: str) -> str:
        """The lost update hides behind a later one that came: the log itself holds the old value,
        under the right time.
        """
        for table in (_CURRENT, _HISTORY, _CHANGE):
            self._sql(f"UPDATE {table} SET account_source = 'of old' WHERE record_id = '{record_id}'")
        return record_id

    def lost_create_and_delete(self, record_id: str) -> str:
        with self.engine.served.org.transaction() as tx:
            made = tx.create(OBJECT, {"Name": "here and gone"})
        with self.engine.served.org.transaction() as tx:
            tx.delete(OBJECT, made)
        return made

    def _sql(self, statement: str) -> None:
        with self.engine.warehouse.transaction() as transaction:
            transaction.execute(statement)
