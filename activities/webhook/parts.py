"""Clients that deliveries use; one set for a process."""

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
    """Opens protected fields, once that is on record."""

    async def ready(self) -> None:
        """Have the data keys read, the first time."""

    async def record(self, by: str, target: str, names: Sequence[str], where: str) -> None:
        """Put a reading on record."""

    def value(self, spec: ObjectSpec, name: str, token: str) -> Any:
        """The value behind a field's token."""


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
    """Of one delivery. Then its workflow shows what was done, and asks for the next one."""
