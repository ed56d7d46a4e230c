"""The part of a look that holds the stores against each other: which one is of an older backup?"""

import asyncio

from temporalio.client import Client

from clients.doctor.restored import Stores, examine_audit_log, examine_ledger
from clients.doctor.run_check import DoctorDeadline, asked, in_thread
from clients.doctor.warehouse import WarehouseAddress
from clients.storage.objects import ObjectStore
from schemas.doctor import CheckResult
from workers.addresses import operational_address, s3_address, warehouse_address
from workers.security.anchoring import open_anchors
from workers.settings import Settings


async def ledger_findings(
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


async def audit_findings(settings: Settings, deadline: DoctorDeadline) -> list[CheckResult]:
    """The audit log against its anchors."""

    def ask() -> list[CheckResult]:
        return examine_audit_log(operational_address(settings.operational), open_anchors(settings))

    return await asked("operational.anchors", lambda: in_thread(ask), deadline)
