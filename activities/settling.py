"""Waiting until the org's queries show everything that was committed up to a time."""

import asyncio
from datetime import UTC, datetime, timedelta

from clients.org_http import OrgHttp
from schemas.budgets import LeaseClass

_MOST_SECONDS = 1.0


async def org_time(org: OrgHttp, lease_class: LeaseClass) -> datetime:
    """The org's time; a process that has not heard from the org yet asks it, which is one call.

    Our own clock stands in only when something on the way takes the org's `Date` headers away.
    """
    if org.now() is None:
        await org.call("GET", f"{org.data_path}/limits", lease_class=lease_class)
    return org.now() or datetime.now(UTC)


async def wait_until_settled(
    org: OrgHttp, after: datetime | None, delay: timedelta, lease_class: LeaseClass
) -> None:
    """Return when the second of `after` is over and can be seen, by the org's clock; None: at once.

    `delay` is how long after its commit a row may still be invisible.
    """
    if after is None:
        return
    await org_time(org, lease_class)
    ready = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=2) + delay
    while (left := (ready - (org.now() or datetime.now(UTC))).total_seconds()) > 0:  # noqa: ASYNC110 -- the org sets no event
        await asyncio.sleep(min(left, _MOST_SECONDS))
