"""A look at everything that the engine needs: from settings to clients to findings. Nothing is
changed, and nothing is left behind.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime

from temporalio.client import Client

from clients.concurrency import in_daemon_thread
from clients.doctor import temporal
from clients.doctor.keys import examine_key
from clients.doctor.object_storage import examine_bucket
from clients.doctor.operational import examine_store
from clients.doctor.org_events import Streamed
from clients.doctor.restored import Stores, examine_audit_log, examine_ledger
from clients.doctor.run_check import DoctorDeadline, asked
from clients.doctor.warehouse import WarehouseAddress
from clients.storage.objects import ObjectStore
from schemas.catalogue import Catalogue, load_catalogue
from schemas.doctor import (
    CHECKS,
    CheckResult,
    Diagnosis,
    Remote,
    State,
    not_asked,
    ok,
    sorted_findings,
    warning,
    wrong,
)
from schemas.errors import CatalogueError, SettingsError, TidegateError
from schemas.planner import Way
from schemas.settings.ingest import LaneSettings
from workers.addresses import operational_address, s3_address, warehouse_address
from workers.clients import connect_temporal
from workers.doctor_org import OrgLook
from workers.read_copy.doctor import examine_with_copy
from workers.security.anchoring import open_anchors
from workers.settings import Settings

EVERYTHING = frozenset(Remote)


async def examine(
    settings: Settings,
    only: Collection[Remote] = EVERYTHING,
    on_done: Callable[[Remote], None] = lambda _: None,
    deadline: DoctorDeadline | None = None,
) -> Diagnosis:
    """Ask every remote of `only` at once; at the deadline everything has answered or is unknown.

    Raises nothing: a remote that cannot be asked is a finding. `on_done` hears of each remote
    when it is done. `deadline` None = in 20 seconds.
    """
    began, deadline = time.monotonic(), deadline or DoctorDeadline()
    catalogue, local = examine_catalogue(settings)
    connection = asyncio.create_task(_connected(settings, deadline))
    org = OrgLook(settings, catalogue, streamed_objects(settings, catalogue), deadline, connection)
    looks: dict[Remote, Callable[[], Awaitable[list[CheckResult]]]] = {
        Remote.LOCAL: lambda: _given([_settings(settings), *local]),
        Remote.SALESFORCE: org.findings,
        Remote.TEMPORAL: lambda: _temporal(settings, connection, deadline),
        **_stores(settings, catalogue, connection, deadline),
    }

    async def look(remote: Remote) -> list[CheckResult]:
        first = next(check for check in CHECKS if check.startswith(f"{remote}."))
        # Each question has its own time; this one is for what goes wrong between them.
        found = await asked(first, looks[remote], deadline, most=math.inf)
        on_done(remote)
        return found

    answers = await asyncio.gather(*(look(remote) for remote in Remote if remote in only))
    await _let_go(connection)
    return Diagnosis(
        at=datetime.now(UTC),
        org=settings.salesforce.org_id,
        seconds=round(time.monotonic() - began, 1),
        calls=org.calls,
        paid_by=org.paid_by,
        findings=sorted_findings([each for found in answers for each in found]),
    )


def without_settings(error: SettingsError, only: Collection[Remote] = EVERYTHING) -> Diagnosis:
    """The findings when the settings cannot be read: that, and that nothing else could be asked."""
    remedy = "Set what is named, in the environment or in the settings file: docs/settings.md."
    found = [wrong("local.settings_invalid", str(error), remedy)]
    told = "the settings do not say where it is"
    found += [
        not_asked(check, told, "Correct the settings, then run doctor again.")
        for check in CHECKS
        if Remote(check.partition(".")[0]) in only and not check.startswith("local.")
    ]
    return Diagnosis(at=datetime.now(UTC), org="", seconds=0, findings=sorted_findings(found))


def examine_catalogue(settings: Settings) -> tuple[Catalogue | None, list[CheckResult]]:
    """The catalogue file, None when it cannot be used; and the findings about it."""
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        remedy = f"Correct {error.path}."
        return None, [
            wrong("local.catalogue_invalid", each, remedy, where=error.path) for each in error.problems
        ]
    except TidegateError as error:
        where = str(settings.catalogue)
        return None, [
            wrong("local.catalogue_invalid", str(error), "Correct TIDEGATE_CATALOGUE.", where=where)
        ]
    channels = followed(settings, catalogue)
    remedy = (
        "Add a lane to TIDEGATE_LANES, streamed or polled, or turn the planner on: TIDEGATE_PLANNER__ON=true."
    )
    idle = [
        warning("local.no_lane", f"nothing follows {name}", remedy, where=name)
        for name in catalogue.objects
        if name not in channels
    ]
    return catalogue, idle or [
        ok("local.catalogue", f"{len(catalogue.objects)} objects, each followed by a lane")
    ]


def followed(settings: Settings, catalogue: Catalogue) -> dict[str, str | None]:
    """Object -> the channel by which it is followed, None when it is polled. Objects that no lane
    follows are left out.
    """
    if settings.planner.on:  # it may stream any of them, each by its own channel
        return {name: f"/data/{spec.event_name}" for name, spec in catalogue.objects.items()}
    by_event = {f"/data/{spec.event_name}": name for name, spec in catalogue.objects.items()}
    found: dict[str, str | None] = {}
    wide: list[LaneSettings] = []
    for lane in settings.lanes:
        if lane.way is Way.POLL:
            found[lane.object] = None
        elif lane.channel in by_event:
            found[by_event[lane.channel]] = lane.channel
        else:
            wide.append(lane)
    for lane in wide:  # a channel of many objects carries the rest
        found = {**dict.fromkeys(catalogue.objects, lane.channel), **found}
    return {name: channel for name, channel in found.items() if name in catalogue.objects}


def streamed_objects(settings: Settings, catalogue: Catalogue | None) -> list[Streamed]:
    """The objects that lanes follow by change events, and their channels; none without a
    catalogue.
    """
    if catalogue is None:
        return []
    transports = {lane.channel: lane.transport for lane in settings.lanes}
    of_planner = settings.planner.transport
    if settings.planner.on:
        transports = {}
    return [
        Streamed(name, catalogue.objects[name].event_name, channel, transports.get(channel, of_planner))
        for name, channel in followed(settings, catalogue).items()
        if channel is not None
    ]


def _stores(
    settings: Settings,
    catalogue: Catalogue | None,
    connection: "asyncio.Task[Client | None]",
    deadline: DoctorDeadline,
) -> Mapping[Remote, Callable[[], Awaitable[list[CheckResult]]]]:
    address = s3_address(settings.s3)
    where = settings.warehouse
    warehouse = WarehouseAddress(where.kind, warehouse_address(where), address, where.copy_role)
    store, org = operational_address(settings.operational), settings.salesforce.org_id
    return {
        Remote.S3: lambda: asked("s3.bucket", lambda: in_daemon_thread(examine_bucket, address), deadline),
        Remote.KMS: lambda: asked(
            "kms.key", lambda: in_daemon_thread(examine_key, org, address, store), deadline
        ),
        Remote.WAREHOUSE: lambda: _then(
            asked(
                "warehouse.connection",
                lambda: in_daemon_thread(examine_with_copy, settings, warehouse, catalogue),
                deadline,
            ),
            lambda: _ledger(settings, connection, deadline),
        ),
        Remote.OPERATIONAL: lambda: _then(
            asked("operational.connection", lambda: in_daemon_thread(examine_store, store), deadline),
            lambda: _audit_log(settings, deadline),
        ),
    }


async def _then(
    first: Awaitable[list[CheckResult]], more: Callable[[], Awaitable[list[CheckResult]]]
) -> list[CheckResult]:
    """Findings about a store by itself; where all is well, those of its comparison with others,
    too.
    """
    found = await first
    return found + await more() if all(each.state is State.OK for each in found) else found


async def _ledger(
    settings: Settings, connection: "asyncio.Task[Client | None]", deadline: DoctorDeadline
) -> list[CheckResult]:
    """The ledger against the chain."""
    stores = Stores(
        settings.salesforce.org_id,
        WarehouseAddress(settings.warehouse.kind, warehouse_address(settings.warehouse)),
        ObjectStore(s3_address(settings.s3)),
    )

    async def ask() -> list[CheckResult]:
        return await examine_ledger(stores, await asyncio.shield(connection))

    return await asked("warehouse.chain", ask, deadline)


async def _audit_log(settings: Settings, deadline: DoctorDeadline) -> list[CheckResult]:
    """The audit log against its anchors."""

    def ask() -> list[CheckResult]:
        return examine_audit_log(operational_address(settings.operational), open_anchors(settings))

    return await asked("operational.anchors", lambda: in_daemon_thread(ask), deadline)


def _settings(settings: Settings) -> CheckResult:
    if settings.warehouse.kind == "redshift" and settings.warehouse.copy_role is None:
        setting = "TIDEGATE_WAREHOUSE__COPY_ROLE"
        remedy = (
            f"Set {setting} to the ARN of a role that may read the bucket, and that the cluster may assume."
        )
        return wrong(
            "local.settings_invalid",
            "Redshift has no role with which COPY reads the bucket",
            remedy,
            where=setting,
        )
    return ok("local.settings", "complete and readable")


async def _given(findings: list[CheckResult]) -> list[CheckResult]:
    return findings


async def _connected(settings: Settings, deadline: DoctorDeadline) -> Client | None:
    """A client of Temporal; None when it does not answer."""
    try:
        async with asyncio.timeout(deadline.left()):
            return await connect_temporal(settings)
    except (TidegateError, TimeoutError):
        return None


async def _temporal(
    settings: Settings, connection: "asyncio.Task[Client | None]", deadline: DoctorDeadline
) -> list[CheckResult]:
    address = settings.temporal.address
    client = await connection
    if client is None:
        remedy = "Start it, open the network way to it, or correct TIDEGATE_TEMPORAL__ADDRESS."
        first = wrong("temporal.unreachable", f"no answer from {address}", remedy, where=address)
        rest = ("temporal.search_attributes", "temporal.retention", "temporal.workers")
        return [first, *(not_asked(check, "Temporal does not answer", remedy) for check in rest)]
    answers = await asyncio.gather(
        asked("temporal.connection", lambda: temporal.examine_namespace(client, address), deadline),
        asked(
            "temporal.search_attributes",
            lambda: temporal.examine_search_attributes(client, address),
            deadline,
        ),
        asked("temporal.workers", lambda: temporal.examine_workers(client), deadline),
    )
    return [each for found in answers for each in found]


async def _let_go(connection: "asyncio.Task[Client | None]") -> None:
    connection.cancel()
    await asyncio.gather(connection, return_exceptions=True)
