"""Asks the org what is left of its allocations (REST API Developer Guide, "Limits")."""

from typing import Any

from clients.doctor.org_rights import LEASE_CLASS
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.doctor import LOW_SHARE, Finding, ok, unknown, warning, wrong

_CALLS = "DailyApiRequests"
_EVENTS = "DailyDeliveredPlatformEvents"
_REMEDIES = {
    _CALLS: "See who spends them: tidegate budget, and Setup > Company Information > API Requests. Buy more, or wait: it is a rolling day.",
    _EVENTS: "Turn the planner on (TIDEGATE_PLANNER__ON=true), stream fewer objects, end other subscribers, or buy the Change Data Capture add-on.",
    "DailyBulkV2QueryJobs": "Run fewer backfills at once; the count is of a rolling day.",
    "DailyBulkV2QueryFileStorageMB": "Run fewer backfills at once; the count is of a rolling day.",
    "DailyBulkApiBatches": "See who loads data: Setup > Bulk Data Load Jobs.",
    "DurableStreamingApiConcurrentClients": "End subscribers that nobody needs; the count is of all CometD clients of the org.",
}
"""Allocation -> what to do about it."""
_ENTITLEMENT = "MonthlyPlatformEventsUsageEntitlement"


async def examine_allocations(org: OrgHttp, *, streams: bool, margin: float) -> list[Finding]:
    """The rest of each allocation; one API call. `margin`: the part that the governor never grants. `streams`: some object is streamed."""
    answer = await org.read(Call("GET", f"{org.data_path}/limits", LEASE_CLASS))
    limits = answer.json()
    found: list[Finding] = []
    left = []
    for name, remedy in _REMEDIES.items():
        pair = _pair(limits.get(name))
        if pair is None:
            if name == _CALLS or (name == _EVENTS and streams):
                told = f"the org's limits have no {name}"
                ask = "Compare Setup > Company Information; some editions have no Change Data Capture."
                found.append(unknown("salesforce.allocations", told, ask, where=name))
            continue
        if name == _EVENTS and not streams:
            continue
        maximum, remaining = pair
        told = f"{max(0, remaining):,} of {maximum:,} are left"
        left.append(f"{name} {max(0, remaining):,} of {maximum:,}")
        if remaining <= margin * maximum:
            more = f"{told}, and {margin:.0%} are never granted"
            found.append(wrong("salesforce.allocation_spent", more, remedy, where=name))
        elif remaining < LOW_SHARE * maximum:
            found.append(warning("salesforce.allocation_low", told, remedy, where=name))
    found += _entitlement(limits.get(_ENTITLEMENT))
    return found or [ok("salesforce.allocations", "; ".join(left))]


def _entitlement(limit: Any) -> list[Finding]:
    """The add-on's month; a maximum of 0 is an org without it. Salesforce goes on delivering beyond
    it, and asks for more money.
    """
    pair = _pair(limit)
    if pair is None or pair[0] == 0 or pair[1] > 0:
        return []
    told = f"the month's {pair[0]:,} events of the add-on are used up"
    return [warning("salesforce.allocation_low", told, _REMEDIES[_EVENTS], where=_ENTITLEMENT)]


def _pair(limit: Any) -> tuple[int, int] | None:
    """Maximum and rest; the rest may be negative."""
    if not isinstance(limit, dict) or not isinstance(limit.get("Max"), int):
        return None
    rest = limit.get("Remaining")
    return (limit["Max"], rest) if isinstance(rest, int) else None
