"""CometD clients: who shook hands, what each follows, how far each was served, and when the org
forgets one.

A client that does not come back within 40 seconds of its last answer is forgotten, and hears
`403::Unknown client`.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from sandbox.org.channels.model import Channel
from schemas.salesforce.limits import COMETD_RECONNECT_WINDOW


@dataclass(slots=True)
class Subscription:
    """One followed channel."""

    channel: Channel
    position: int
    """The last replay id that was handed out or passed over."""


@dataclass(slots=True)
class Client:
    """One handshake."""

    client_id: str
    last_seen: float
    """Monotonic seconds of the last answer."""
    user: str | None = None
    """Whose session the latest message came with: the rights that count for its events."""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By channel name."""
    has_connected: bool = False
    """False until the first connect, which is answered at once."""
    poll: "asyncio.Future[None] | None" = None
    """The connect that is being held open; None between two."""

    def release(self) -> None:
        """Let the held connect go, without events."""
        if self.poll is not None and not self.poll.done():
            self.poll.cancel()


class Clients:
    """Every client that the org knows."""

    def __init__(self, limit: int) -> None:
        self._by_id: dict[str, Client] = {}
        self._limit = limit

    def __len__(self) -> int:
        self._forget_absent()
        return len(self._by_id)

    @property
    def held(self) -> int:
        """How many connects are being held open."""
        return sum(each.poll is not None for each in self._by_id.values())

    def add(self) -> Client | None:
        """Know a new client; None when the org has as many as its edition allows."""
        self._forget_absent()
        if len(self._by_id) >= self._limit:
            return None
        client = Client(secrets.token_hex(14), time.monotonic())
        self._by_id[client.client_id] = client
        return client

    def find(self, client_id: object) -> Client | None:
        """The client of that id, unless it has been forgotten."""
        client = self._by_id.get(client_id) if isinstance(client_id, str) else None
        if client is not None and _is_absent(client, time.monotonic()):
            self.forget(client)
            return None
        return client

    def forget(self, client: Client) -> None:
        self._by_id.pop(client.client_id, None)
        client.release()

    def forget_all(self) -> int:
        """Forget everyone, as an org does that moves to another host; returns how many there
        were.
        """
        clients = list(self._by_id.values())
        for client in clients:
            self.forget(client)
        return len(clients)

    def _forget_absent(self) -> None:
        now = time.monotonic()
        for client in [client for client in self._by_id.values() if _is_absent(client, now)]:
            self.forget(client)


def _is_absent(client: Client, now: float) -> bool:
    return client.poll is None and now - client.last_seen > COMETD_RECONNECT_WINDOW.total_seconds()
