"""Waiting until the org's queries show everything that was committed up to a time."""

import asyncio
from datetime import UTC, datetime, timedelta

from clients.salesforce.http import OrgHttp
from schemas.governor import LeaseClass

_MOST_SECONDS = 1.0


async def wait_until_settled(
    org: OrgHttp, after: datetime | None, delay: timedelta, lease_class: LeaseClass
) -> None:
    """Return when the second of `after` is over and can be seen, by the org's clock; None: at once.

    `delay` is how long after its commit a row may still be invisible.
    """
    if after is None:
        return
    await org.ask_time(lease_class)
    ready = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=2) + delay
    while (left := (ready - org.time()).total_seconds()) > 0:  # noqa: ASYNC110 -- the org sets no event
        await asyncio.sleep(min(left, _MOST_SECONDS))
