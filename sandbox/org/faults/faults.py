"""Scripted faults. A rule says at which point, how often and how hard; parts of the org ask whether
it strikes now.

Everything is drawn from the rule's own seed, so the same requests in the same order meet the
same faults.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Point = Literal["http", "row", "bulk.job", "bulk.page", "event", "stream"]
"""Where a rule can strike: an HTTP call, a row of a write, a bulk job, a page of bulk results, an
event on its way out, a stream.
"""


KINDS: Mapping[Point, Mapping[str, str]] = {
    "http": {
        "latency": "the call waits `seconds`, or until the rules are cleared, before it is carried out, even if the caller gives up meanwhile",
        "status": "the call is not carried out; the answer is `status` with `code` and `message`, in the form of the API called",
        "html": "the call is not carried out; the answer is `status` with a maintenance page",
        "reset_before": "the connection is reset before the call is carried out",
        "reset_after": "the call is carried out and committed, then the connection is reset without an answer",
        "truncate": "the call is carried out; half of the answer is sent, then the connection is reset",
        "expire_session": "the caller's session is ended first, so the call is refused as expired",
        "quota": "the call is refused as beyond the daily quota",
    },
    "row": {"error": "the row of a write fails with `code`, `message` and `fields`"},
    "bulk.job": {
        "hang": "the job stays InProgress",
        "fail": "the job fails midway, what it has written stays, the rest is unprocessed",
    },
    "bulk.page": {"truncate": "a page's connection is reset midway", "fail": "a page is answered with 500"},
    "event": {"drop": "the event is not handed out", "duplicate": "the event is handed out twice"},
    "stream": {"cut": "the stream ends as its protocol ends one: a forgotten client, or UNAVAILABLE"},
}
"""The effect of each point, in a sentence."""


class FaultRule(BaseModel):
    """One kind of fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Point
    kind: str
    """One of the point's `KINDS`."""
    match: str = ""
    """Strikes only where this text is part of the subject (a method and path, an object, a
    channel); empty: everywhere.
    """
    probability: float = Field(default=1, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    """How often it strikes at most; None: without end."""
    after: int = Field(default=0, ge=0)
    """How many matching occasions it lets pass first."""
    seconds: float = Field(default=0, ge=0)
    """For kinds that take time."""
    status: int = Field(default=503, ge=400, le=599)
    code: str = "SERVER_UNAVAILABLE"
    message: str = "Server Unavailable"
    fields: tuple[str, ...] = ()
    """Names of the fields to blame, of a row's error."""
    retry_after: int | None = Field(default=None, ge=0)
    """Seconds that `status` and `html` answers name in Retry-After; None: no such header."""
    seed: int = 1

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind not in KINDS[self.point]:
            raise ValueError(f"{self.point} has no kind {self.kind!r}; it has {', '.join(KINDS[self.point])}")
        return self


class _Armed:
    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self.seen = 0
        self.struck = 0
        self._random = Random(rule.seed)  # noqa: S311 -- reproducible faults are the point

    def strikes(self, subject: str) -> bool:
        rule = self.rule
        if rule.match not in subject or (rule.times is not None and self.struck >= rule.times):
            return False
        self.seen += 1
        if self.seen <= rule.after or self._random.random() >= rule.probability:
            return False
        self.struck += 1
        return True


class Faults:
    """The rules in force, in the order in which they were made."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._points: frozenset[str] = frozenset()
        self._cleared = asyncio.Event()

    def add(self, rule: FaultRule) -> None:
        self._armed.append(_Armed(rule))
        self._points |= {rule.point}

    def clear(self) -> int:
        """Forget every rule, and let go what waits for one; returns how many rules there were."""
        count = len(self._armed)
        self._armed.clear()
        self._points = frozenset()
        self._cleared.set()
        self._cleared = asyncio.Event()
        return count

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as the rules are cleared."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cleared.wait()

    def has(self, point: Point) -> bool:
        """True when a rule is for this point."""
        return point in self._points

    def strike(self, point: Point, subject: str) -> FaultRule | None:
        """The first rule that strikes here and now; None when none does. Free when no rule is for
        this point.
        """
        if point not in self._points:
            return None
        return next((a.rule for a in self._armed if a.rule.point == point and a.strikes(subject)), None)

    def listing(self) -> Iterator[dict[str, object]]:
        """Every rule with how often it was asked and how often it struck."""
        for armed in self._armed:
            yield {**armed.rule.model_dump(), "seen": armed.seen, "struck": armed.struck}
