"""One delivery of a webhook: the state that its two halves share."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from activities.webhook.parts import WebhookParts
from clients.metrics.webhooks import count_sent
from clients.warehouse.records.feed import ChangeFeed, FeedChange
from clients.warehouse.records.shown import Shown
from clients.webhook.deliveries import Opened
from schemas.catalogue import ObjectSpec
from schemas.webhook.messages import DeliverInput
from transforms.webhook.answers import Answer, Outcome, pause_after, wait_after
from transforms.webhook.message import message_body, message_id
from transforms.webhook.sign import signed_headers

_GRACE_SECONDS = 5.0
"""Time for requests under way when the worker stops; it drains for eight seconds."""


@dataclass
class Shift:
    """Lives for one delivery, on one event loop."""

    parts: WebhookParts
    feed: ChangeFeed
    request: DeliverInput
    opened: Opened
    keys: list[bytes]
    taken: int = 0
    held: int = 0
    refused: int = 0
    parked: int = 0
    """Counts the pages that held changes, so that the other half looks for them again."""
    may_hold: bool = False
    failure: str = ""
    """Why the receiver fails."""
    wait: timedelta = timedelta(0)
    is_gone: bool = False
    """True = the receiver wants nothing any more."""
    is_tried: bool = False
    """True = one request at a time: the receiver failed, and has taken nothing since."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Read no further page; the one under way comes to its end."""
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    """The worker stops."""

    def __post_init__(self) -> None:
        self.may_hold = self.opened.held > 0
        self.is_tried = self.request.failures > 0

    @property
    def name(self) -> str:
        """The webhook's name."""
        return self.opened.webhook.name

    @property
    def is_halted(self) -> bool:
        """True = post nothing more, also of the page under way."""
        return bool(self.failure) or self.leave.is_set()

    async def shown(self, spec: ObjectSpec, changes: Iterable[FeedChange]) -> Shown:
        """The part of these changes that the receiver is shown, once the reading of protected
        fields is on record.
        """
        records = self.opened.webhook.records
        names = [name for name in spec.fields if records.may_decrypt(spec.name, name)]
        if not names:
            return Shown(spec)
        opened = self.parts.opened
        read: set[str] = set()
        whose: dict[str, None] = {}
        for change in changes:
            carried = {name for name, value in change.carried if name in names and value is not None}
            if carried:
                read |= carried
                whose[change.place.record_id] = None
        if read:
            await opened.ready()
            target = f"record/{self.request.org}/{spec.name}"
            where = f"to the webhook {self.name}: {', '.join(whose)}"
            await opened.record("the engine", target, sorted(read), where)
        return Shown(spec, names, opened.value)

    async def post(self, shown: Shown, change: FeedChange) -> Answer:
        """Post a change. An answer that concerns the whole receiver ends the delivery."""
        body = message_body(shown.change(change))
        number = message_id(self.request.org, shown.spec.name, str(change.place))
        headers = signed_headers(self.keys, number, int(time.time()), body)
        sent = await self.parts.sender.send(self.opened.webhook.url, headers, body)
        now, answer = datetime.now(UTC), sent.answer
        count_sent(self.name, answer.outcome, sent.seconds, (now - change.place.applied_at).total_seconds())
        if answer.outcome is Outcome.TAKEN:
            self.taken += 1
            self.is_tried = False
            return answer
        self.refused += 1
        if answer.outcome is Outcome.GONE:
            self.is_gone = True
            self.fails(answer.reason)
        elif answer.retry_after is not None:
            self.fails(answer.reason, answer.retry_after)
        return answer

    def fails(self, reason: str, wait: timedelta | None = None) -> None:
        """End the delivery: the receiver fails. `wait`: its `Retry-After`; None = by the number of
        failures.
        """
        failures, first = self.request.failures + 1, self.parts.settings.first_wait
        self.failure = reason
        self.wait = pause_after(failures, first, random.random()) if wait is None else wait  # noqa: S311 -- spreads tries
        self.stop.set()

    def next_try(self, attempts: int, now: datetime) -> datetime:
        """When to try a change again after so many attempts."""
        usual = wait_after(attempts, self.parts.settings.first_wait, random.random())  # noqa: S311 -- as above
        return now + max(usual, self.wait)

    async def left(self) -> None:
        """Return five seconds after the worker was asked to stop."""
        await self.leave.wait()
        await asyncio.sleep(_GRACE_SECONDS)

    async def stopped_within(self, seconds: float) -> bool:
        """Wait; True = the delivery ends before."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return False
        return True
