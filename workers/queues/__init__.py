"""From settings to the activities of each task queue: a module a role, so that a process imports
those of its own role only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clients.dependencies import Clients
from workers.clients import ProcessClients

if TYPE_CHECKING:  # a role that has none of these does not import it
    from activities.webhook.parts import WebhookParts
    from clients.writeback.store import WritebackStore
    from workers.salesforce import Org

Activities = list[Callable[..., Any]]


@dataclass(frozen=True)
class Process:
    """The clients that a worker process has opened."""

    parts: ProcessClients
    clients: Clients
    opened_org: "Org | None" = None
    """None in a process of the role `batches`, which never calls the org."""
    opened_writebacks: "WritebackStore | None" = None
    """None in a process that does not write back."""
    opened_webhooks: "WebhookParts | None" = None
    """None likewise."""

    @property
    def org(self) -> "Org":
        """The way to the org, for a queue whose role has one."""
        assert self.opened_org is not None, "this role calls no org"  # noqa: S101 -- the table of roles is wrong
        return self.opened_org

    @property
    def writebacks(self) -> "WritebackStore":
        """Where writebacks wait, for a queue whose role sends them."""
        assert self.opened_writebacks is not None, "this role sends no writebacks"  # noqa: S101 -- as above
        return self.opened_writebacks

    @property
    def webhooks(self) -> "WebhookParts":
        """Clients of deliveries to webhooks, for a queue whose role sends them."""
        assert self.opened_webhooks is not None, "this role delivers to no webhook"  # noqa: S101 -- as above
        return self.opened_webhooks
