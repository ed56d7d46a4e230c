"""The fleet at one moment: a line an org, made of the report of its own API.

Unknown is a verdict of its own, stands right after pages, and is never taken for good.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime

from schemas.message import Message
from schemas.status import Problem

OLD_AFTER: Final = timedelta(minutes=1)
"""A report older than this, or as far ahead of our clock, is unknown: an API shares a look for ten
seconds.
"""


class Verdict(StrEnum):
    """How an org is, in one word. The worst first."""

    PAGE = "page"
    """Somebody is needed now."""
    UNKNOWN = "unknown"
    """It could not be asked, or a part of it could not."""
    TICKET = "ticket"
    """Within the working day."""
    NOTICE = "notice"
    """Nobody has to act."""
    OK = "ok"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Verdict).index(self)


class ProblemCounts(Message):
    """Problems of an org, by severity."""

    page: int = 0
    ticket: int = 0
    notice: int = 0

    @property
    def all(self) -> int:
        """All of them."""
        return self.page + self.ticket + self.notice


class LastKnown(Message):
    """The last report of an org that does not answer any more. It says nothing of now."""

    at: AwareDatetime
    verdict: Verdict | None
    """The worst that it had; None: it named no page, ticket or unknown part."""
    problem: Problem | None = None
    """The worst problem that it had."""


class MemberStatus(Message):
    """An org of the fleet."""

    name: str
    console: str
    """Address of its own console."""
    worst: Verdict
    org: str = ""
    """Org ID of its report; empty: there is none."""
    counts: ProblemCounts = ProblemCounts()
    problem: Problem | None = None
    """Its first problem; None: it has none, or gave no report."""
    why: str = ""
    """Parts that are not known, or why there is no report; empty: everything is known."""
    remedy: str = ""
    """Step to take about `why`."""
    since: AwareDatetime | None = None
    """Begin of the first problem, or the last report of an org that gives none; None: not known."""
    freshness_p95: timedelta | None = None
    """Commit to curated, of the object that is slowest; None: nothing recent, or not known."""
    freshness_p99: timedelta | None = None
    writebacks_waiting: int | None = None
    """None: not known, as below."""
    writebacks_dead: int | None = None
    budget: str = ""
    """The budget that is spent most; empty: not known."""
    budget_spent: float | None = None
    """Used part of it: 0.61."""
    reported_at: AwareDatetime | None = None
    """Time of its report, by its own clock; None: there is none."""
    last: LastKnown | None = None
    """Of an org without a report, as far as this process has seen one."""


class FleetStatus(Message):
    """One look at every org."""

    at: AwareDatetime
    """When the look began."""
    members: tuple[MemberStatus, ...]
    """The worst first."""

    @property
    def worst(self) -> Verdict:
        """Of the worst org. A fleet without orgs is unknown."""
        return min((each.worst for each in self.members), key=lambda each: each.rank, default=Verdict.UNKNOWN)

    @property
    def counts(self) -> dict[Verdict, int]:
        """Verdict -> orgs, of those that there are."""
        found = [each.worst for each in self.members]
        return {each: found.count(each) for each in Verdict if each in found}
