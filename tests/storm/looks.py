"""The engine's own status in a storm: what `tidegate status` would show, and whether it may."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.salesforce.session import ServedVersions
from clients.warehouse.status_look import WarehouseLook
from clients.writeback.status_look import OperationalLook
from schemas.errors import UnavailableError
from schemas.fleet import Verdict
from schemas.ids import manifest_prefix
from schemas.ingest.raw import Form, Manifest
from schemas.settings.ingest import LaneSettings
from schemas.status import FRESHNESS_TARGET
from tests.storm.world import World
from tests.support.builders.unreachable_settings import unreachable_settings
from transforms.status import verdict
from workers.status.asking import Remembered
from workers.status.look import StatusLook

_KEPT: dict[str, tuple[WarehouseLook, OperationalLook]] = {}
"""Connections of a database, kept from schedule to schedule."""
_SILENCE = 10.0
"""Seconds that a silent part takes: more than a look waits."""
_SLACK = timedelta(seconds=60)
"""The status may need so much longer than the target to see that something is late."""
_STORES = ("warehouse", "operational", "s3", "kms")


class StormLook(StatusLook):
    """Looks at a world; what gave no answer is in `withheld`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.withheld: list[str] = []
        lanes = [LaneSettings(name="cdc", channel="/data/ChangeEvents")]
        super().__init__(unreachable_settings(world.org.org_id, lanes=lanes), world.client)

    def __post_init__(self) -> None:
        dsn = self.world.parts.database.dsn
        if dsn not in _KEPT:
            _KEPT[dsn] = (WarehouseLook(dsn), OperationalLook(dsn))
        self._warehouse, self._operational = _KEPT[dsn]
        self._bucket = self._key = _Here()  # type: ignore[assignment]
        self._threads = {name: _Asked(name, self) for name in _STORES}  # type: ignore[misc]
        self._objects = tuple(self.world.catalogue.objects)
        self._remembered = Remembered()
        self._copy = None

    async def meet(self, name: str) -> None:
        """Pass the boundary between the look and a part."""
        fault = self.world.fate.strike(f"look:{name}")
        if fault is None:
            return
        self.withheld.append(name)
        if fault == "silent":
            await asyncio.sleep(_SILENCE)
        raise UnavailableError(system=name, detail="the storm takes the question")

    async def _ask_salesforce(self) -> ServedVersions:
        await self.meet("salesforce")
        return ServedVersions(frozenset({"67.0"}), "", datetime.now(UTC), timedelta(0))


class _Here:
    """A part that is there."""

    def ask(self) -> None:
        return


@dataclass
class _Asked:
    """Asks a part in the loop's way of running threads."""

    name: str
    look: StormLook

    async def ask(self, work: Callable[[], Any]) -> Any:
        await self.look.meet(self.name)
        return await asyncio.to_thread(work)


async def false_green(world: World) -> list[str]:
    """Look once. Returns sentences when the engine says that all is well and it is not."""
    late = overdue(world)
    look = StormLook(world)
    status = (await look.look()).status
    said = verdict.verdict_of(status)
    world.fate.note(f"{world.loop.time():.6f} look {said} {' '.join(look.withheld)}")
    if said is not Verdict.OK:
        return []
    unasked = [f"nothing green that is unknown: {name} gave no answer" for name in look.withheld]
    return unasked + [f"nothing green that is unknown: event {each} is late" for each in late[:1]]


def overdue(world: World) -> list[int]:
    """Events whose changes are not in the warehouse although their time is over."""
    before = datetime.now(UTC) - FRESHNESS_TARGET - _SLACK
    rows = world.org.org.store.connection.execute(
        "SELECT replay_id FROM events WHERE at_epoch_ms < ?", (int(before.timestamp() * 1_000),)
    )
    applied = _applied_through(world)
    return [number for (number,) in rows if number > applied]


def _applied_through(world: World) -> int:
    """The end of the last batch before the first one that is not applied."""
    through = 0
    for key in world.objects.keys(manifest_prefix(world.org.org_id, "cdc")):
        manifest = Manifest.model_validate_json(world.objects.body(key))
        run = world.server.newest(manifest.workflow_id)
        if manifest.form is not Form.EVENTS or run is None or run.status != "COMPLETED":
            break
        through = int(manifest.end)
    return through
