"""The clients of deliveries; one set for a process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from clients.warehouse.records.feed import ChangeFeed
from clients.webhook.deliveries import Deliveries
from clients.webhook.secrets import WebhookSecrets
from clients.webhook.sender import Sender
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.settings.webhook import WebhookSettings


class OpensValues(Protocol):
    """Decrypts protected fields, after the reading is on record."""

    async def ready(self) -> None:
        """Read the data keys, at the first call."""

    async def record(self, by: str, target: str, names: Sequence[str], where: str) -> None:
        """Put a reading on record."""

    def value(self, spec: ObjectSpec, name: str, token: str) -> Any:
        """Decrypt a field's token."""


@dataclass(frozen=True)
class WebhookParts:
    """Of a process that delivers."""

    deliveries: Deliveries
    feed: ChangeFeed | None
    """None: the warehouse is Redshift, which has no feed."""
    catalogue: Catalogue
    sender: Sender
    secrets: WebhookSecrets
    opened: OpensValues
    settings: WebhookSettings
    seconds: float = 60.0
    """Duration of one delivery. Its workflow then shows the counts, and starts the next one."""
