"""The days before, in outline: who spent how many calls, without making them, so that there is a
usual day to forecast from.
"""

import asyncio
import time
from datetime import UTC, datetime

from benchmarks.day.season import HOUR
from sandbox.org.state.org import Org
from schemas.governor import Budget, Exchange, LeaseClass, LeaseLine, Reading
from schemas.salesforce.limits import API_USAGE_LAG
from transforms.governor.ledger import BudgetLedger

DAYS_BEFORE = 2
_STEP = 300.0
_PER_HOUR = {
    LeaseClass.WRITEBACK: lambda hour: 900.0 if 10 <= hour < 11 else 90.0,
    LeaseClass.REPAIR: lambda _: 40.0,
    LeaseClass.POLLING: lambda hour: 1_300.0 if 8 <= hour < 19 else 800.0,
    LeaseClass.RECONCILIATION: lambda _: 40.0,
    LeaseClass.GUEST: lambda _: 60.0,
}


async def spend_yesterdays(org: Org, books: BudgetLedger, *, until: float) -> None:
    """Count in the org and in the books what each class spends, until the day begins."""
    owed = dict.fromkeys(_PER_HOUR, 0.0)
    while time.time() < until:
        await asyncio.sleep(_STEP)
        now = time.time()
        for lease_class, per_hour in _PER_HOUR.items():
            owed[lease_class] += per_hour(now / HOUR % 24) * _STEP / HOUR
            calls = int(owed[lease_class])
            owed[lease_class] -= calls
            org.meters.api_calls.add(calls)
            for spent in (0, calls):
                line = LeaseLine(
                    budget=Budget.API_CALLS, lease_class=lease_class, granted=spent, spent=spent, want=0
                )
                books.exchange(Exchange(process=f"at {now}", lines=(line,)), now)
        books.take_in((_reading(org),), ())


def _reading(org: Org) -> Reading:
    meter = org.meters.api_calls
    now = datetime.fromtimestamp(time.time(), UTC)
    return Reading(budget=Budget.API_CALLS, maximum=meter.maximum, used=meter.used, at=now, lag=API_USAGE_LAG)
