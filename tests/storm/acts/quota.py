"""The org's daily quota of API calls, and other applications that use it up and let it come back.

Nobody tells the engine. It learns of it from its next answer, from the next reading of the
limits, or by a refusal. So some refusals cannot be helped; `needless_calls` has those that could.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.org.limits.meters import RollingCount
from schemas.governor.recheck import ASK_AGAIN
from tests.storm.loop import Host

_FEW_CALLS = 6
_MORE_CALLS = 20
_TOLD_WITHIN = 30.0
"""Seconds that a process needs at most to tell the governor, faults included."""
_LEASE_SECONDS = 60.0
"""Another process may spend what it holds for so long without an answer of the governor."""


@dataclass
class Refusal:
    """A call that the org refused while others had used the quota up; times are the loop's."""

    process: Host
    sent_at: float
    is_question: bool
    """The question for the limits: the governor's own is paid for in advance."""
    heard_at: float | None = None
    """When the process had the answer; None = it has not come."""

    @property
    def is_told(self) -> bool:
        """True when the process has had the time to tell the governor."""
        if self.is_question or self.heard_at is None:
            return False
        died_at, told_at = self.process.died_at, self.heard_at + _TOLD_WITHIN
        return self.process.frozen_until <= self.heard_at and (died_at is None or died_at > told_at)


class Quota:
    """A schedule's quota."""

    def __init__(self, meter: RollingCount) -> None:
        self._meter = meter
        self._usual = meter.maximum
        self._taken = 0
        """Calls that others have used up, while it is gone; 0 = it is not."""
        self._left = 0
        self._refusals: list[Refusal] = []
        self.unexcused = 0
        """Calls refused while nobody else had used anything: each was one too many."""

    @property
    def is_gone(self) -> bool:
        return self._taken > 0

    def make_scarce(self, number: int) -> None:
        """Begin with 6 to 25 calls."""
        self._meter.maximum = _FEW_CALLS + number % _MORE_CALLS

    def use_up(self, left: int) -> None:
        """Let others use up all but `left` calls."""
        self._left = left
        taken = max(0, self._meter.left - left)
        self._meter.add(taken)
        self._taken += taken

    def give_back(self, *, is_raised: bool) -> None:
        """The day's window lets go of what others used; or the org has bought more."""
        if is_raised:
            self._usual += self._taken
            self._meter.maximum += self._taken
        else:
            self._meter.add(-self._taken)
        self._taken = 0

    def calm(self) -> None:
        """End what was scarce from the beginning. What others have used up stays used up."""
        self._meter.maximum = self._usual
        if self.is_gone:
            self.use_up(self._left)

    def refuse(self, process: Host | None, sent_at: float, kind: str) -> Refusal | None:
        """The org has refused a call as beyond its quota; None = nobody but the engine is to
        blame.
        """
        if process is None or not self.is_gone:
            self.unexcused += 1
            return None
        self._refusals.append(Refusal(process, sent_at, kind == "limits"))
        return self._refusals[-1]

    def needless_calls(self) -> Iterator[str]:
        """Calls that were sent although a refusal had been heard: by the same process, before it
        was time to ask the governor again; or by any, when the governor must have told it.
        """
        for call in self._refusals:
            for told in () if call.is_question else self._refusals:
                if told.heard_at is None or told.is_question:
                    continue
                waited = call.sent_at - told.heard_at
                if call.process is told.process and 0 < waited < ASK_AGAIN.total_seconds():
                    yield f"{call.process.name} was refused, and sent another call {waited:.1f} s later"
                elif told.is_told and waited > _TOLD_WITHIN + _LEASE_SECONDS:
                    yield f"a call was sent {waited:.1f} s after the refusal of another one"
