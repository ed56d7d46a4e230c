"""A login that Salesforce refuses, told by a process whose stream is open still.

A lane that cannot log in pauses and says so. One whose stream was opened before goes on, while
everything else of its process that asks the org fails.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from schemas.status import Problem
from schemas.status_facts import LanePulse, LookFacts
from transforms.status.problem import problem

_FRESH: Final = timedelta(seconds=15)
"""A follower tells something every two seconds. An older word may be out of date."""


def login_problems(facts: LookFacts) -> Iterator[Problem]:
    """One for all processes: they log in with the same credentials."""
    told = [each for each in _pulses(facts) if each.login_refused and facts.at - each.at <= _FRESH]
    if not told:
        return
    since = min((each.login_refused_at for each in told if each.login_refused_at), default=None)
    text = f"open streams go on, every other call fails: {told[0].login_refused}"
    remedy = "tidegate doctor --only salesforce"
    yield problem("login.refused", text, remedy, subject="salesforce", since=since)


def _pulses(facts: LookFacts) -> Iterator[LanePulse]:
    for lane in facts.lanes or ():
        if lane.follower is not None and lane.follower.pulse is not None:
            yield lane.follower.pulse
