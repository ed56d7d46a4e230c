"""The settings that lead to the tests' object store."""

from typing import Any

from clients.storage.objects import S3Address


def s3_settings(address: S3Address) -> dict[str, Any]:
    """Of one bucket and one key for all."""
    return {name: value for name, value in vars(address).items() if name != "classes"}
