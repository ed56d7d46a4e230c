"""Credits of one Subscribe call: events that were asked for, and so paid for, and have not come.

They are asked for in halves of the most that may be outstanding, one half while the other is on
its way: who waits until all have come waits a round trip for every hundred, and then decodes
while nothing comes.
"""

import asyncio
import time

from clients.salesforce.streaming.stream import QUIET_SECONDS, EventTokens
from schemas.salesforce.limits import PUBSUB_MAX_OUTSTANDING

HALF = PUBSUB_MAX_OUTSTANDING // 2


class Credits:
    """Counts what is outstanding, and says when to ask for how many more."""

    def __init__(self, tokens: EventTokens) -> None:
        self.outstanding = 0
        self.answered = asyncio.Event()
        """Set when the server has answered the call's first request."""
        self._tokens = tokens
        self._is_low = asyncio.Event()
        self._is_low.set()
        self._last_event = time.monotonic()

    async def until_low(self) -> None:
        """Wait until it is time to ask for more."""
        await self._is_low.wait()

    async def pay(self, most: int) -> int:
        """Pay for the next events; returns how many to ask for, at most `most`. Raises what the
        allowance raises.
        """
        granted = await self._tokens.take(min(most, PUBSUB_MAX_OUTSTANDING - self.outstanding))
        self._set(self.outstanding + granted)
        return granted

    def spend(self, count: int) -> None:
        """So many events have come."""
        if count:
            self._last_event = time.monotonic()
            self._tokens.came(count)
            self._set(max(self.outstanding - count, 0))

    def settle(self, *, is_told: bool) -> None:
        """The call is over. Credits that cannot have been used are kept for the next one.

        `is_told`: the server itself ended the call, so everything that it had sent has come.
        Otherwise events may have been on their way, unless it was quiet.
        """
        if is_told or time.monotonic() - self._last_event > QUIET_SECONDS:
            self._tokens.give_back(self.outstanding)
        else:
            self._tokens.came(self.outstanding)
        self.outstanding = 0

    def _set(self, outstanding: int) -> None:
        self.outstanding = outstanding
        if outstanding <= HALF:
            self._is_low.set()
        else:
            self._is_low.clear()
