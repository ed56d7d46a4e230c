"""The stores that commands open, with the patience of somebody who waits at a terminal."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from botocore.config import Config

from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from workers.addresses import operational_address, s3_address
from workers.settings import Settings

_PATIENCE: Final = Config(read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
"""Thirty seconds of silence at most; an engine's step waits four minutes."""


def object_store(settings: Settings) -> ObjectStore:
    """S3, as the settings name it. Nothing is asked yet."""
    return ObjectStore(s3_address(settings.s3), _PATIENCE)


@contextmanager
def audit_log(settings: Settings) -> Iterator[AuditLog]:
    """The audit log, as the settings name it, with its tables. Closed when left."""
    with closing(AuditLog(operational_address(settings.operational))) as log:
        log.ensure_tables()
        yield log
