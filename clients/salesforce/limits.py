"""The Limits API as readings of budgets (REST API Developer Guide, "Limits")."""

from datetime import UTC, datetime
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.governor import Budget, LeaseClass, Reading

_NAMES = {
    "DailyApiRequests": (Budget.API_CALLS, 1),
    "DailyBulkV2QueryJobs": (Budget.BULK_QUERY_JOBS, 1),
    "DailyBulkV2QueryFileStorageMB": (Budget.BULK_QUERY_BYTES, 1_000_000),
    "DailyBulkApiBatches": (Budget.INGEST_BATCHES, 1),
    "DailyDeliveredPlatformEvents": (Budget.DELIVERED_EVENTS, 1),
    "DurableStreamingApiConcurrentClients": (Budget.STREAMING_CLIENTS, 1),
}
"""Name in the answer -> budget, and tokens in one of its units."""


async def read_limits(org: OrgHttp, lease_class: LeaseClass) -> tuple[Reading, ...]:
    """Ask the org; one API call. Names that an edition lacks are left out."""
    response = await org.read(Call("GET", f"{org.data_path}/limits", lease_class))
    return readings_of(response.json(), at=datetime.now(UTC))


def readings_of(limits: dict[str, Any], *, at: datetime) -> tuple[Reading, ...]:
    """The answer's numbers. Remaining may be negative, and a limit may hold further ones of
    connected apps.
    """
    readings = []
    for name, (budget, unit) in _NAMES.items():
        limit = limits.get(name)
        if (
            isinstance(limit, dict)
            and isinstance(limit.get("Max"), int)
            and isinstance(limit.get("Remaining"), int)
        ):
            maximum, remaining = limit["Max"] * unit, limit["Remaining"] * unit
            readings.append(Reading(budget=budget, maximum=maximum, used=maximum - remaining, at=at))
    return tuple(readings)
