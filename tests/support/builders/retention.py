"""Retention over real parts, by a clock that the test turns."""

import uuid
from datetime import UTC, datetime, timedelta

from activities.retention.due import plan_retention
from activities.retention.tasks import do_task
from clients.retention.archive import Archive
from clients.retention.archive_store import ArchiveStore
from clients.retention.lifecycle import Lifecycle
from clients.retention.parts import RetentionParts
from clients.retention.store_source import store_sources
from clients.retention.subject_keys import SubjectKeys
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Warehouse
from sandbox.objectstore import ARCHIVE_BUCKET
from schemas.catalogue import Catalogue
from schemas.security.retention import RetentionPolicy, TaskDone, Work
from transforms.retention.periods import Month

EIGHT_YEARS_AGO = Month.of(datetime.now(UTC)).plus(-12 * 8 - 2)
"""A month whose lock of seven years is over by the emulator's own clock."""


def retention(
    s3: S3Address, dsn: str, warehouse: Warehouse, catalogue: Catalogue, *, org: str = ""
) -> RetentionParts:
    """Over the session's parts, with an archive of its own."""
    org = org or uuid.uuid4().hex[:18]
    address = S3Address(**{**vars(s3), "bucket": ARCHIVE_BUCKET})
    return RetentionParts(
        org=org,
        policy=RetentionPolicy(rest=0),
        store=ObjectStore(s3),
        warehouse=warehouse,
        catalogue=catalogue,
        archive=Archive(org, ArchiveStore(address), SubjectKeys(dsn, org, address)),
        lifecycle=Lifecycle(s3, org),
        stored=store_sources(dsn),
    )


def run_at(parts: RetentionParts, now: datetime, *only: Work) -> list[TaskDone]:
    """Do everything that is due at a time, or some kinds of it."""
    tasks = plan_retention(parts, now).tasks
    return [do_task(parts, task, now) for task in tasks if not only or task.work in only]


def within(month: Month, day: int = 10) -> datetime:
    """A moment within a month."""
    return month.begin + timedelta(days=day - 1, hours=12)
