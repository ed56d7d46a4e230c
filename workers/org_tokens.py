"""Tokens for the calls of a command that asks the org a few questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

from temporalio.client import Client

from clients.doctor.payment import Allowance
from clients.governor.leases import Leases
from clients.governor.protocol import TokenSource
from clients.temporal.governor import TemporalGovernor, read_books
from schemas.doctor import ALLOWANCE_CALLS
from schemas.errors import UnavailableError
from workers.settings import Settings

PaidBy = Literal["lease", "allowance", "nothing"]
_PATIENCE = timedelta(seconds=5)
"""Time that a call waits for its token."""
_GOVERNOR_SECONDS = 4.0


@asynccontextmanager
async def org_tokens(
    settings: Settings, client: Client | None, objects: int
) -> AsyncIterator[tuple[TokenSource, PaidBy]]:
    """The governor's leases where one answers, else an allowance (docs/decisions/0027); and which
    of the two it is.

    Args:
        settings: Of the engine.
        client: Of Temporal, where the governor is; None when it does not answer.
        objects: So many calls more are allowed without a governor.
    """
    governor = None if client is None else await _governor(settings, client)
    if governor is None:
        yield Allowance(ALLOWANCE_CALLS + objects, margin=settings.budgets.margin), "allowance"
        return
    leases = Leases(governor, patience=_PATIENCE)
    try:
        yield leases, "lease"
    finally:
        await leases.close()


async def _governor(settings: Settings, client: Client) -> TemporalGovernor | None:
    """The org's governor; None when none runs or answers. None is started: a look changes
    nothing.
    """
    org = settings.salesforce.org_id
    try:
        async with asyncio.timeout(_GOVERNOR_SECONDS):
            books = await read_books(client, org)
    except (UnavailableError, TimeoutError):
        return None
    return None if books is None else TemporalGovernor(client, org, settings.budgets)
