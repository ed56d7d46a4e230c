"""Retention from settings: its stores, and the schedule of its runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from temporalio.client import Client

from clients.retention.archive import Archive
from clients.retention.archive_store import ArchiveStore
from clients.retention.lifecycle import Lifecycle
from clients.retention.parts import RetentionParts
from clients.retention.store_source import store_sources
from clients.retention.subject_keys import SubjectKeys
from clients.storage.objects import ObjectStore, S3Address
from clients.temporal.schedules import Scheduled, keep_schedule
from clients.warehouse import Warehouse
from schemas import names
from schemas.catalogue import Catalogue
from schemas.ids import schedule_id
from schemas.security.ids import retention_workflow_id
from schemas.security.retention import RetentionInput
from transforms.pii import Protector
from workers.addresses import operational_address, s3_address
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings


def archive_address(settings: Settings) -> S3Address:
    """The archive's bucket, and the key of its class."""
    bucket = (
        settings.s3.archive.bucket or settings.retention.archive_bucket or f"{settings.s3.bucket}-archive"
    )
    address = s3_address(settings.s3)
    return replace(address, bucket=bucket, kms_key_id=address.place("archive/").kms_key_id)


def retention_parts(
    settings: Settings,
    store: ObjectStore,
    warehouse: Warehouse,
    catalogue: Catalogue,
    protector: Protector | None = None,
) -> RetentionParts:
    """The stores that retention works on, over clients that are open. Connects to nothing yet.

    `protector`: None = only for looks.
    """
    org = settings.salesforce.org_id
    address = archive_address(settings)
    operational = operational_address(settings.operational)
    # Keys of persons are wrapped by the key of all, as the data keys' purposes are: not by the
    # archive's.
    keys = SubjectKeys(operational, org, s3_address(settings.s3))
    return RetentionParts(
        org=org,
        policy=settings.retention.policy(),
        store=store,
        warehouse=warehouse,
        catalogue=catalogue,
        archive=Archive(org, ArchiveStore(address), keys),
        lifecycle=Lifecycle(s3_address(settings.s3), org),
        stored=store_sources(operational),
        protector=protector,
    )


@contextmanager
def opened_retention(settings: Settings) -> Iterator[RetentionParts]:
    """The same for a command, with clients of its own."""
    warehouse = open_warehouse(settings)
    try:
        catalogue = decided_catalogue(settings, warehouse)
        store = ObjectStore(s3_address(settings.s3))
        parts = retention_parts(settings, store, warehouse, catalogue)
        try:
            yield parts
        finally:
            parts.close()
    finally:
        warehouse.close()


async def ensure_retention(client: Client, settings: Settings) -> None:
    """Have retention run every so often; or not, as the settings say."""
    await keep_schedule(client, scheduled(settings), on=settings.retention.on)


def scheduled(settings: Settings) -> Scheduled:
    """The schedule of its runs."""
    org = settings.salesforce.org_id
    return Scheduled(
        schedule=schedule_id(org, "retention"),
        workflow=names.RETENTION_WORKFLOW,
        workflow_id=retention_workflow_id(org, "scheduled"),
        task_queue=names.WORKFLOW_QUEUE,
        request=RetentionInput(org=org),
        every=settings.retention.interval,
        note="archives sealed months, and ends what has had its time",
    )
