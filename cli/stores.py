"""The stores that commands open, with the patience of somebody who waits at a terminal."""

from typing import Final

from botocore.config import Config

from clients.storage.objects import ObjectStore
from workers.addresses import s3_address
from workers.settings import Settings

_PATIENCE: Final = Config(read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
"""Thirty seconds of silence at most; an engine's step waits four minutes."""


def object_store(settings: Settings) -> ObjectStore:
    """S3, as the settings name it. Nothing is asked yet."""
    return ObjectStore(s3_address(settings.s3), _PATIENCE)
