"""Our way to raw alone, in a process of its own: a query job's pages, encrypted and landed in S3
with their manifests, and no batch started.

It is the engine's own reading of a backfill's part; only what starts the batches is left out.
Takes one JSON object on stdin, prints one.
"""

import json
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import uvloop
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.backfill.plan import PlanBackfill
from activities.backfill.read_part import ReadPart
from activities.ingest.land_rows import RowLanding, RowLandings
from activities.ingest.landing_span import LandingTime
from clients.governor.leases import Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import Session, SessionSource
from clients.storage.chain import Chain
from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from schemas.backfill import BackfillCounts, BackfillInput, Part, PartInput
from schemas.catalogue import Catalogue, ObjectSpec, load_catalogue
from schemas.governor import Budget, Reading
from schemas.ids import ORIGIN
from schemas.ingest.raw import Manifest
from tests.support.engines.local_governor import GREEDY, LocalGovernor
from transforms.pii import Protector
from workers.addresses import s3_address, salesforce_address
from workers.settings import Settings, load_settings

_UNLIMITED = 1_000_000_000_000


class RawLanding(RowLanding):
    """Landing that ends with the manifest."""

    async def start(self, manifest: Manifest, landing: LandingTime | None = None) -> None:
        """Nothing is to be done with it."""

    async def follow(self, manifest: Manifest) -> None:
        """Count the batch at once."""
        landed = BackfillCounts(rows=manifest.events, changes=sum(manifest.landed.values()), batches=1)
        self.counts = self.counts.plus(landed)


@dataclass
class RawLandings(RowLandings):
    """Makes raw landings, and remembers when the first one began: the job was complete then."""

    began: tuple[float, float] | None = None
    """Wall and processor seconds."""

    @asynccontextmanager
    async def landing(self, org: str, lane: str, spec: ObjectSpec) -> AsyncIterator[RowLanding]:
        """As of `RowLandings`, with nothing to wait for."""
        if self.began is None:
            self.began = time.monotonic(), time.process_time()
        chain = Chain(self.store, org=org, lane=lane)
        yield RawLanding(self.client, chain, spec, self.protector, self.slice_rows)


class TlsSessions:
    """Sessions that are used over HTTPS, as the others' are."""

    def __init__(self, sessions: SessionSource, url: str) -> None:
        self._sessions = sessions
        self._url = url

    async def session(self) -> Session:
        """The present session."""
        return replace(await self._sessions.session(), instance_url=self._url)

    async def renew(self, expired: Session | None) -> Session:
        """A newer one."""
        return replace(await self._sessions.renew(expired), instance_url=self._url)


def unlimited() -> LocalGovernor:
    """A governor whose org has enough of everything."""
    governor, now = LocalGovernor(GREEDY), datetime.now(UTC)
    told = (Reading(budget=each, maximum=_UNLIMITED, used=0, at=now) for each in Budget)
    governor.books.take_in(tuple(told), ())
    return governor


async def read(given: dict[str, Any]) -> dict[str, Any]:
    """Every part of the object; `given` holds settings (a file), object, window, tls_url and
    ca_file.
    """
    settings: Settings = load_settings(Path(given["settings"]))
    catalogue, address = load_catalogue(settings.catalogue), s3_address(settings.s3)
    store = ObjectStore(address)
    protector = Protector(org_data_key(settings.salesforce.org_id, address, store), catalogue)
    landings = RawLandings(cast(Client, None), store, protector)
    sessions = TlsSessions(SessionSource(salesforce_address(settings.salesforce)), given["tls_url"])
    trusted = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=given["ca_file"]))
    leases = Leases(unlimited())
    request = BackfillInput(org=settings.salesforce.org_id, object=given["object"], window=given["window"])
    async with OrgHttp(sessions, leases, transport=trusted) as http:
        counts, parts = await read_parts(http, landings, catalogue, request)
    ended = time.monotonic(), time.process_time()
    await leases.close()
    began = landings.began or ended
    return {
        "rows": counts.rows,
        "batches": counts.batches,
        "calls": counts.calls,
        "parts": parts,
        "reading_seconds": ended[0] - began[0],
        "reading_cpu_seconds": ended[1] - began[1],
    }


async def read_parts(
    http: OrgHttp, landings: RawLandings, catalogue: Catalogue, request: BackfillInput
) -> tuple[BackfillCounts, int]:
    """Read every part of the object, one after the other; what was landed, and how many parts there
    were.
    """
    env, total = ActivityEnvironment(), BackfillCounts()
    plan = await env.run(PlanBackfill(http, landings.store, catalogue).plan_backfill, request)
    reader = ReadPart(http, landings, catalogue)
    for part in plan.parts:
        position, is_done = ORIGIN, False
        while not is_done:
            stretch = await env.run(reader.read_part, _input(request, part, position))
            total = total.plus(stretch.counts)
            position, is_done = stretch.position, stretch.done
    return total, len(plan.parts)


def _input(request: BackfillInput, part: Part, position: str) -> PartInput:
    return PartInput(
        org=request.org,
        object=request.object,
        window=request.window,
        part=part,
        lease_class=request.lease_class,
        position=position,
    )


def main() -> None:
    """Read what stdin asks for."""
    sys.stdout.write(json.dumps(uvloop.run(read(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
