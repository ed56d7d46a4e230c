"""Last step of the sender: what is known of a batch goes into the store."""

import asyncio
from dataclasses import replace
from datetime import datetime
from random import SystemRandom

from activities.writeback.collections import Outcomes
from activities.writeback.open_batch import OpenBatch
from clients.writeback.batches import WritebackBatches
from schemas.writeback.messages import SentBatch
from transforms.writeback.facts import Outcome

_SPREAD = 0.5
"""Waits are longer by up to this share, so that rows which met one another do not meet again."""
_RANDOM = SystemRandom()


async def record(
    batch: OpenBatch,
    outcomes: Outcomes,
    batches: WritebackBatches,
    *,
    now: datetime,
    calls: int,
    is_over: bool = False,
) -> SentBatch:
    """Record the outcomes. A batch of which every entry has one is closed.

    Args:
        batch: The batch as it was when the outcomes were found. The store refuses them when it
            was sent meanwhile.
        outcomes: Record -> outcome. An entry without one stays open.
        batches: The store.
        now: The time, by a clock that agrees with the org's.
        calls: API calls that the batch has cost since the last time.
        is_over: The org is done with every call of the batch; a look-up need not wait for it.
    """
    is_known = batch.records <= outcomes.keys()
    step = batches.close if is_known else batches.settle
    spaced = {name: _spaced(outcome) for name, outcome in outcomes.items()}
    await asyncio.to_thread(step, batch.stored.batch, spaced, calls=calls, state=batch.stored.state, now=now)
    return SentBatch(is_known=is_known, is_over=is_over)


def _spaced(outcome: Outcome) -> Outcome:
    return replace(outcome, retry_in=outcome.retry_in * (1 + _SPREAD * _RANDOM.random()))
