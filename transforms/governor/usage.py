"""Spending of a budget, hour by hour: ours, counted token by token, and others', who show only in
the org's readings.

How finely the org counts its "rolling 24 hours" is not documented (Salesforce Developer Limits,
"API Requests"). Until something speaks against it, it is taken to count by whole clock hours
(UTC), as the sandbox org does (`sandbox/org/limits/meters.py`). Within an hour `used` then only
grows, and what it grew by more than we spent is what others spent. Over the turn of an hour it
falls by what the oldest hour had held; nothing is concluded from that fall, others are taken to
have gone on as before. So an error about an hour does not come back a day later.

An org that forgets little by little shows itself: within an hour `used` grows by less than we
spend, or it does not fall at a turn. From then on what it let go of is reckoned from what we
believe the same time yesterday to have held. A wrong conclusion is fixed at the next turn.

Before the first reading nothing is known of any hour: what was used by then is taken to be
spread evenly over the day.
"""

from pydantic import BaseModel, Field

from transforms.governor.spending import DAY_HOURS, HOUR, Spending

_BLIND = 900
"""Seconds between two readings beyond which the rate before them says nothing of what lay between.
"""
_TURN = 600
"""Seconds after the turn of an hour within which a late reading may still show the fall."""
_UNSTEADY = 0.001
"""Fraction by which `used` may fall without meaning anything."""


class Mark(BaseModel):
    """A reading that is kept to compare with for the rest of its hour."""

    at: float
    used: int
    ours: int = 0
    """Our count since then."""


class Usage(BaseModel):
    """Both sides of one budget, and the reading from which the next one is distinguished."""

    ours: Spending = Field(default_factory=Spending)
    others: Spending = Field(default_factory=Spending)
    used: int = 0
    """As the last reading had it."""
    read_at: float | None = None
    """None until the org has been read."""
    unread: int = 0
    """Our count since that reading."""
    sliding: bool = False
    """The org lets go of what is older than 24 hours little by little, and not an hour at a time.
    """
    before_turn: Mark | None = None
    """The last reading of the hour before, until it has told whether an hour dropped out."""
    in_hour: Mark | None = None
    """A reading of the present hour, from the time on when nothing may drop out any more."""
    early: float = 0.0
    """Our count that the org has not shown yet, or never will: it is subtracted from others'
    apparent spending next.
    """

    def spend(self, tokens: int, now: float) -> None:
        """Count our own."""
        self.ours.begin(now)
        self.ours.add(tokens, now, now)
        self.unread += tokens
        for mark in (self.before_turn, self.in_hour):
            if mark is not None:
                mark.ours += tokens

    def read(self, used: int, at: float) -> None:
        """Take in what the org says, and give others what we did not spend. A reading older than
        the last is passed over.
        """
        if self.read_at is None:
            self.ours.begin(at)
            self.others.begin(at)
        elif at <= self.read_at:
            return
        else:
            self._notice(used, self.read_at, at)
            self._tell_apart(used - self.used - self.unread, self.read_at, at)
        self.used, self.read_at, self.unread = used, at, 0

    def others_rate(self, now: float) -> float:
        """Tokens that others spend an hour at present."""
        if self.read_at is None:
            return 0.0
        return self.others.rate(min(now, self.read_at), otherwise=max(0, self.used) / DAY_HOURS)

    def window(self, used: int) -> dict[int, float]:
        """Hour -> tokens by everybody: the 24 hours up to the last reading and what we counted
        since.

        With the `share` of each hour they add up to `used`.
        """
        newest = max(self.ours.hours, default=0)
        read = (newest + 1) * HOUR - 1 if self.read_at is None else self.read_at
        window = range(int(read // HOUR) - DAY_HOURS, max(int(read // HOUR), newest) + 1)
        shares = {hour: share for hour in window if (share := self.share(hour, read)) > 0}
        known = {hour: self._held(hour) for hour in shares}
        total = sum(shares[hour] * tokens for hour, tokens in known.items())
        unknown = sum(share for hour, share in shares.items() if self._is_unknown(hour))
        if used > total and unknown:
            more = (used - total) / unknown
            return {hour: known[hour] + (more if self._is_unknown(hour) else 0.0) for hour in known}
        return {hour: tokens * used / total for hour, tokens in known.items()} if total > 0 else known

    def share(self, hour: int, at: float) -> float:
        """The part of what was spent in a clock hour that is still counted at a time: 1 for 24
        hours, then less.
        """
        late = at / HOUR - hour - DAY_HOURS
        if self.sliding:
            return min(1.0, max(0.0, 1.0 - late))
        return 1.0 if late < 0 else 0.0

    def _held(self, hour: int) -> float:
        return self.ours.hours.get(hour, 0.0) + self.others.hours.get(hour, 0.0)

    def _is_unknown(self, hour: int) -> bool:
        return hour * HOUR < (self.others.since or 0.0)

    def _notice(self, used: int, before: float, at: float) -> None:
        """Compare with the readings that were kept: does the org count by whole hours?"""
        if int(before // HOUR) < int(at // HOUR):
            near = at - before <= _BLIND
            self.before_turn = Mark(at=before, used=self.used, ours=self.unread) if near else None
            self.in_hour = None
        elif at % HOUR > _TURN:
            stayed = self.before_turn is not None and self._stayed(self.before_turn, used, at)
            gone = self.in_hour is not None and self._lets_go(self.in_hour, used, at)
            self.sliding = self.sliding or stayed or gone
            self.before_turn = None
            self.in_hour = self.in_hour or Mark(at=at, used=used)

    def _lets_go(self, mark: Mark, used: int, at: float) -> bool:
        """Within an hour an org that counts by whole hours does not: `used` grows at least by what
        we spend.
        """
        missing = mark.ours - (used - mark.used)
        # A process that died holding tokens may have spent none of what we counted for it: hence
        # the half.
        return missing > max(10, _UNSTEADY * used, self.ours.lately(at), mark.ours / 2)

    def _stayed(self, mark: Mark, used: int, at: float) -> bool:
        """Over a turn an org that counts by whole hours forgets the oldest one."""
        oldest = int(at // HOUR) - DAY_HOURS
        spent = mark.ours + self.others_rate(at) * (at - mark.at) / HOUR
        fell = mark.used + spent - used
        held = self._held(oldest)
        return not self._is_unknown(oldest) and held > self.ours.lately(at) and fell < held / 2

    def _tell_apart(self, grown: float, begin: float, end: float) -> None:
        """`grown`: by how much `used` rose from `begin` to `end` beyond what we counted; negative
        when it fell.
        """
        expected = self.others_rate(begin) * (end - begin) / HOUR
        turned = int(begin // HOUR) < int(end // HOUR)
        if self.sliding and self._fell_at_a_turn(grown, end):
            self.sliding = False
            spent = expected
        elif self.sliding or end - begin > _BLIND:
            spent = self._beyond(grown + self._dropped(begin, end), expected, end)
        elif turned:
            # An hour has dropped out, and hides it.
            spent = max(expected, grown)
        else:
            spent = self._beyond(grown, expected, end)
        self.others.add(spent, begin, end)

    def _beyond(self, grown: float, expected: float, now: float) -> float:
        rest = grown - self.early
        if rest >= 0:
            self.early = 0.0
            return rest
        if -rest > self.ours.lately(now):
            # Later than all our reports: the org let go of something. What others spent is hidden
            # by it.
            self.early = 0.0
            return expected
        self.early = self.others.take_back(-rest, now)
        return 0.0

    def _dropped(self, begin: float, end: float) -> float:
        """The org's release of spending, if our guess about its hours is right."""
        window = self.window(self.used)
        return sum(
            tokens * (self.share(hour, begin) - self.share(hour, end)) for hour, tokens in window.items()
        )

    def _fell_at_a_turn(self, grown: float, end: float) -> bool:
        oldest = self.window(self.used).get(int(end // HOUR) - DAY_HOURS, 0.0)
        return end % HOUR < _TURN and -grown > max(oldest / 2, self.ours.lately(end))
