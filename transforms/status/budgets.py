"""Problems of the org's budgets, from the governor's forecasts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from schemas.governor import Forecast, LeaseClass
from schemas.status import Problem, Severity
from schemas.status_facts import LookFacts
from transforms.status.problem import problem

_PAGE_WITHIN: Final = timedelta(hours=4)
_TICKET_WITHIN: Final = timedelta(hours=12)
_STALE: Final = timedelta(minutes=10)
"""A reading is due every minute, and the Limits API may be five minutes behind."""
_SHOW: Final = "tidegate budget"


def budget_problems(facts: LookFacts) -> Iterator[Problem]:
    """The governor's silence, budgets that run out, refuse, or were not read."""
    if facts.governor == "silent":
        text = "the governor does not answer, so calls to Salesforce stop within a minute"
        yield problem("governor.silent", text, "tidegate worker; any role runs it")
    for forecast in facts.forecasts:
        yield from _budget(forecast, facts)


def _budget(found: Forecast, facts: LookFacts) -> Iterator[Problem]:
    if found.maximum is None or found.budget.is_concurrency:
        return
    name = str(found.budget)
    if found.read_at is not None and facts.at - found.read_at > _STALE:
        text = f"last read at {found.read_at:%H:%M:%S}; others may have spent it since"
        yield problem("budget.stale", text, _SHOW, subject=name, since=found.read_at)
    refused = _refused(found, facts)
    if refused:
        # Floors and ceilings slow the less important classes on purpose.
        is_bad = found.left == 0 or LeaseClass.WRITEBACK in _slowed_now(found, facts)
        severity = None if is_bad else Severity.NOTICE
        yield problem("budget.refused", refused, _SHOW, subject=name, severity=severity)
        if is_bad:
            return  # it has run out
    runs_out = found.first_runs_out_at
    if runs_out is not None and runs_out - facts.at <= _TICKET_WITHIN:
        severity = None if runs_out - facts.at <= _PAGE_WITHIN else Severity.TICKET
        text = f"runs out at {runs_out:%H:%M} UTC at this rate"
        yield problem("budget.exhausts", text, _SHOW, subject=name, severity=severity)


def _refused(found: Forecast, facts: LookFacts) -> str:
    if found.paused_until is not None and found.paused_until > facts.at:
        return f"nothing is granted until {found.paused_until:%H:%M:%S} UTC: {found.paused_because}"
    if found.left == 0:
        return "it is spent up to the margin"
    slowed = _slowed_now(found, facts)
    return f"refused now: {', '.join(slowed)}" if slowed else ""


def _slowed_now(found: Forecast, facts: LookFacts) -> list[LeaseClass]:
    return [each.lease_class for each in found.slowed if each.spends and each.at <= facts.at]
