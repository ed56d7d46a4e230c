"""A replay's road without Temporal: its steps, one after the other, in this process."""

import random
from dataclasses import dataclass, field

import psycopg
from temporalio.testing import ActivityEnvironment

from activities.replay.replay import ReplaySteps
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.shadow.schemas import shadow_prefix
from schemas.catalogue import Catalogue
from schemas.replay import (
    BatchGroup,
    FindBatchesInput,
    RedriveInput,
    ReplayCounts,
    ReplayCursor,
    ReplaySelection,
)
from tests.support.builders.batches import Road
from tests.support.builders.bus import protector
from transforms.replay.reencrypt import Reprotector

ORG = "road"


@dataclass
class Replays:
    """Replays of a road's batches, with a catalogue that may be another than the one they were
    landed under.
    """

    road: Road
    dsn: str
    catalogue: Catalogue
    chance: random.Random | None = None
    """Shuffles the batches and cuts them into groups again; None: as they are found."""
    groups: list[BatchGroup] = field(default_factory=list)
    """That were replayed."""

    @property
    def steps(self) -> ReplaySteps:
        return ReplaySteps(
            self.road.store,
            self.road.warehouse,
            self.catalogue,
            Reprotector(protector(self.catalogue), self.catalogue),
            protector(self.catalogue),
            lambda name: PostgresWarehouse(self.dsn, prefix=shadow_prefix(name)),
        )

    async def run(
        self, *, shadow: str | None = None, most: int = 3, selection: ReplaySelection | None = None
    ) -> ReplayCounts:
        """Replay the selection, by default the road's lane; `most` batches are found at once."""
        chosen = selection or ReplaySelection(org=ORG, lane=self.road.lane)
        counts = ReplayCounts()
        for group in await self.found(chosen, most):
            self.groups.append(group)
            request = RedriveInput(selection=chosen, group=group, shadow=shadow)
            counts = counts.plus(await ActivityEnvironment().run(self.steps.redrive_batches, request))
        return counts

    async def found(self, selection: ReplaySelection, most: int) -> list[BatchGroup]:
        """The selection's groups."""
        cursor: ReplayCursor | None = ReplayCursor()
        groups: list[BatchGroup] = []
        while cursor is not None:
            request = FindBatchesInput(selection=selection, cursor=cursor, most=most)
            found = await ActivityEnvironment().run(self.steps.find_batches, request)
            groups += found.groups
            cursor = found.cursor
        return groups if self.chance is None else shuffled(groups, self.chance)


def shuffled(groups: list[BatchGroup], chance: random.Random) -> list[BatchGroup]:
    """The same batches in another order, in groups of another size."""
    batches = [batch for group in groups for batch in group.batches]
    chance.shuffle(batches)
    made = []
    while batches:
        size = chance.randint(1, 3)
        made.append(BatchGroup(batches=tuple(batches[:size]), changes=0))
        del batches[:size]
    return made


def checksum(dsn: str) -> dict[str, str]:
    """Table -> digest of its rows, for every table of the curated, audit and ops schemas that has
    any.
    """
    tables = """SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('curated', 'audit', 'ops')"""
    found = {}
    with psycopg.connect(dsn) as connection:
        for (table,) in connection.execute(tables).fetchall():
            digest = f"SELECT MD5(STRING_AGG(t::text, '|' ORDER BY t::text)) FROM {table} AS t"
            row = connection.execute(digest.encode()).fetchone()
            if row and row[0]:
                found[table] = row[0]
    return found
