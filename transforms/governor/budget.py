"""The arithmetic of one budget: what is used, what is granted and still alive, and what a class may
have now.

The invariant, whatever the order of grants, returns, expiries, readings and restarts:

    what the org has counted + tokens granted and alive <= maximum - margin

It holds because spending is counted at the latest moment at which it can have happened (when it
is reported, or when the lease ends), and a reading replaces only what was spent before the time
that the reading speaks of. What *others* spend between two readings is not known; the margin is
for them.
"""

import math
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from schemas.governor import (
    MOST_GUEST_PROCESSES,
    Budget,
    GovernorConfig,
    GrantedLine,
    LeaseClass,
    LeaseLine,
    Reading,
    Refusal,
    RefusalKind,
    Share,
)
from transforms.governor.held_lease import HeldLease
from transforms.governor.usage import Usage

_DAY_HOURS = 24
_HOUR = 3_600
_BUCKET = 5
"""Seconds of spending that are kept as one number, dated by the bucket's end."""
_SOON = timedelta(seconds=5)
_LATER = timedelta(seconds=30)
_UNREAD = timedelta(seconds=1)
_CAPPED = timedelta(seconds=0.5)
GOVERNOR = "governor"
_NONE = Share(floor=0, ceiling=1)


class BudgetBook(BaseModel):
    """One budget's books. Times are seconds since the epoch; the caller says what time it is."""

    budget: Budget
    maximum: int | None = None
    """None until the org has been asked: nothing is granted before."""
    used: int = 0
    """As the last reading had it."""
    as_of: float = 0.0
    """The reading holds everything that was spent before."""
    leases: dict[str, HeldLease] = {}
    recent: dict[int, int] = {}
    """End of a bucket -> tokens spent in it: what the reading may not hold yet."""
    hours: dict[int, dict[str, int]] = {}
    """Hour since the epoch -> class, or `GOVERNOR` -> tokens spent: the last day and the present
    hour.
    """
    usage: Usage = Field(default_factory=Usage)
    """Spending hour by hour: for forecasts, not for grants."""
    asked_at: dict[LeaseClass, float] = {}
    paused_until: float = 0.0
    paused_because: str = ""
    refused_at: float = 0.0
    """When the org last said that the allocation is used up, while that is believed; 0 = it is
    not.
    """
    set_aside: dict[int, int] = {}
    """Of `recent`, what the refusal is believed to count: it counts again when the refusal does
    not.
    """

    def used_at_most(self) -> int:
        """The org's possible count by now, without others' spending since the reading."""
        return self.used + sum(self.recent.values())

    def alive(self, lease_class: LeaseClass | None = None) -> int:
        """Tokens that processes may still spend; of one class, or of all."""
        held = self.leases.values()
        return sum(lease.alive for lease in held if lease_class in (None, lease.lease_class))

    def spendable(self, terms: GovernorConfig) -> int:
        """The maximum without the margin; 0 before the first reading."""
        return 0 if self.maximum is None else self.maximum - math.ceil(self.maximum * terms.margin)

    def to_share(self, terms: GovernorConfig) -> int:
        """The base of the classes' shares: the spendable rest after other applications' spending in
        24 hours.

        They will go on, as far as anybody knows: floors that ignored them would promise what is
        not there.
        """
        spendable = self.spendable(terms)
        if self.budget.is_concurrency:
            return spendable
        ours = sum(sum(hour.values()) for hour in self.hours.values())
        return max(0, spendable - max(0, self.used_at_most() - ours))

    def room(self, terms: GovernorConfig) -> int:
        """Tokens that could be granted now if there was but one class. Negative when others took
        more than the margin.
        """
        used = 0 if self.budget.is_concurrency else self.used_at_most()
        return self.spendable(terms) - used - self.alive()

    def spent(self, lease_class: LeaseClass) -> int:
        """Tokens that count against the class's share: of the last 24 hours, and those it holds."""
        kept = sum(hour.get(lease_class, 0) for hour in self.hours.values())
        return self.alive(lease_class) + (0 if self.budget.is_concurrency else kept)

    def allowed(self, lease_class: LeaseClass, terms: GovernorConfig, now: float) -> tuple[int, str]:
        """The class's possible grant now, and the reason for its limit."""
        if self.maximum is None:
            return 0, "the org's limits have not been read yet"
        if now < self.paused_until:
            return 0, self.paused_because
        room, to_share = self.room(terms), self.to_share(terms)
        if lease_class.rank > 0 and room < terms.hard_floor * self.spendable(terms):
            return 0, "less than the hard floor is left, which is for writebacks"
        others = [each for each in LeaseClass if each != lease_class]
        floors = {each: self._kept_floor(each, to_share, terms, now) for each in others}
        higher = sum(kept for each, kept in floors.items() if each.rank < lease_class.rank)
        needs = {each: self._coming_need(each, terms) for each in others if each.rank < lease_class.rank}
        free = room - sum(max(kept, needs.get(each, 0)) for each, kept in floors.items())
        share = terms.shares.get(lease_class, _NONE)
        own_floor = max(0, math.floor(share.floor * to_share) - self.spent(lease_class))
        ceiling = math.floor(share.ceiling * to_share) - self.spent(lease_class)
        granted = max(free, min(own_floor, room - higher))
        if ceiling < granted:
            return max(0, ceiling), f"{lease_class} has come to its ceiling"
        return max(0, granted), "the rest is kept for other classes" if room > 0 else "the budget is spent"

    def exchange(self, process: str, line: LeaseLine, terms: GovernorConfig, now: float) -> GrantedLine:
        """Take in what a process says of its lease, and top it up."""
        self.let_time_pass(now)
        if self._is_crowded(process, line):
            return self._nothing(line, "this guest has too many processes; let some of them end")
        lease = self._lease(process, line)
        if line.lease_class is LeaseClass.GUEST:
            line = _believed(line, lease)
        self._count(lease.lease_class, line.spent - lease.spent, now)
        lease.spent = max(lease.spent, line.spent)
        lease.returned = max(lease.returned, line.returned)
        lease.granted = max(lease.granted, lease.spent + lease.returned)
        lease.ends_at = now + terms.lease_life.total_seconds()
        if line.want:
            self.asked_at[line.lease_class] = now
        more = max(0, line.want - lease.alive)
        allowed, reason = self.allowed(line.lease_class, terms, now) if more else (0, "")
        at_once = max(0, self._most_at_once(terms) - lease.alive)
        got = min(more, allowed, at_once)
        lease.granted += got
        retry = timedelta(0)
        if got == more:
            reason = ""
        elif got == at_once:
            retry, reason = _CAPPED, "one lease holds only so much at once"
        else:
            retry = self._retry_after(line.lease_class, now)
        paused_for = timedelta(seconds=max(0.0, self.paused_until - now))
        return GrantedLine(
            budget=self.budget,
            lease_class=line.lease_class,
            granted=lease.granted,
            retry_after=retry,
            reason=self.paused_because if paused_for else reason,
            paused_for=paused_for,
        )

    def _is_crowded(self, process: str, line: LeaseLine) -> bool:
        """True when a guest opens one lease too many: each costs the books memory."""
        if line.lease_class is not LeaseClass.GUEST or _lease_key(process, line) in self.leases:
            return False
        caller = f"{process.rpartition(':')[0]}:"
        return sum(key.startswith(caller) for key in self.leases) >= MOST_GUEST_PROCESSES

    def _nothing(self, line: LeaseLine, reason: str) -> GrantedLine:
        return GrantedLine(
            budget=self.budget,
            lease_class=line.lease_class,
            granted=line.spent + line.returned,
            retry_after=_LATER,
            reason=reason,
        )

    def read(self, reading: Reading) -> bool:
        """Take over what the org says; False for a reading older than the one we have."""
        as_of = (reading.at - reading.lag).timestamp()
        if self.maximum is not None and reading.maximum > self.maximum and self.is_refused:
            self._believe(reading)
        if self.maximum is not None and as_of < self.as_of:
            return False
        self.set_aside = {}
        self.maximum, self.used, self.as_of = reading.maximum, reading.used, as_of
        self.recent = {end: tokens for end, tokens in self.recent.items() if end > as_of}
        if not self.budget.is_concurrency:
            self.usage.read(reading.used, reading.at.timestamp())
        return True

    @property
    def is_refused(self) -> bool:
        """True while the org's word is believed that the allocation is used up."""
        return self.refused_at > 0

    def recheck(self, reading: Reading, terms: GovernorConfig) -> None:
        """Believe a reading that was asked for, rather than a refusal, where it shows room."""
        if self.is_refused and reading.used < reading.maximum - math.ceil(reading.maximum * terms.margin):
            self._believe(reading)
        self.read(reading)

    def _believe(self, reading: Reading) -> None:
        """The refusal holds no more: the allocation was raised, or an operator says so.

        A refusal before the question is set aside, and the pause with it. A wrong guess costs one
        more refusal.
        """
        if reading.at.timestamp() <= self.refused_at:
            return
        as_of = (reading.at - reading.lag).timestamp()
        self.recent = {end: count for end, count in self.set_aside.items() if end > as_of} | self.recent
        self.as_of = min(self.as_of, as_of)
        self.set_aside, self.refused_at = {}, 0.0
        self.paused_until, self.paused_because = 0.0, ""

    def refuse(self, refusal: Refusal) -> None:
        """The org has refused: everybody waits, and a used-up allocation is believed."""
        at = refusal.at.timestamp()
        if refusal.kind is RefusalKind.QUOTA:
            self.refused_at = max(self.refused_at, at)
        if refusal.kind is RefusalKind.QUOTA and self.maximum is not None and at > self.as_of:
            self.used, self.as_of = max(self.used, self.maximum), at
            self.set_aside |= {end: tokens for end, tokens in self.recent.items() if end <= at}
            self.recent = {end: tokens for end, tokens in self.recent.items() if end > at}
        self.paused_until = max(self.paused_until, at + refusal.retry_after.total_seconds())
        self.paused_because = f"the org refused ({refusal.kind}) at {_clock(at)}"

    def let_time_pass(self, now: float) -> None:
        """End the leases and the refusal whose time is over, and forget what is older than a
        day.
        """
        if now >= self.paused_until:
            self.refused_at = 0.0
        for key, lease in list(self.leases.items()):
            if lease.ends_at <= now:
                self._count(lease.lease_class, lease.alive, now)
                del self.leases[key]
        # Of a budget that the org says nothing of, no reading ever clears what is recent.
        self.recent = {end: tokens for end, tokens in self.recent.items() if end > now - _DAY_HOURS * _HOUR}
        oldest = int(now // _HOUR) - _DAY_HOURS
        self.hours = {hour: spent for hour, spent in self.hours.items() if hour >= oldest}

    def _retry_after(self, lease_class: LeaseClass, now: float) -> timedelta:
        if self.maximum is None:
            return _UNREAD
        retry = _SOON if lease_class.rank == 0 else _LATER
        return max(retry, timedelta(seconds=self.paused_until - now))

    def _most_at_once(self, terms: GovernorConfig) -> int:
        spendable = self.spendable(terms)
        if self.budget.is_concurrency:
            return spendable
        part = terms.events_at_once if self.budget is Budget.DELIVERED_EVENTS else terms.most_at_once
        return max(1, math.floor(part * spendable))

    def prepay(self, tokens: int, now: float) -> None:
        """Count tokens as spent on the governor's own account: its questions about the limits."""
        self._count(GOVERNOR, tokens, now)

    def _lease(self, process: str, line: LeaseLine) -> HeldLease:
        key = _lease_key(process, line)
        if key not in self.leases:
            # Unknown here but not new: it ended (then it is counted twice, which is the safe side),
            # or our books are new.
            is_guest = line.lease_class is LeaseClass.GUEST
            self.leases[key] = HeldLease(
                process=process,
                lease_class=line.lease_class,
                granted=line.granted,
                # A guest's word opens no lease: what it claims to hold was counted when it ended.
                spent=max(line.spent, line.granted - line.returned) if is_guest else line.spent,
                returned=line.returned,
            )
        return self.leases[key]

    def _count(self, spender: str, tokens: int, now: float) -> None:
        if tokens <= 0 or self.budget.is_concurrency:
            return
        # Without readings a day's worth is kept: by the hour, or it would be the largest part of
        # the books.
        bucket = _BUCKET if self.as_of else _HOUR
        end = (math.floor(now / bucket) + 1) * bucket
        self.recent[end] = self.recent.get(end, 0) + tokens
        hour = self.hours.setdefault(int(now // _HOUR), {})
        hour[spender] = hour.get(spender, 0) + tokens
        self.usage.spend(tokens, now)

    def _kept_floor(self, lease_class: LeaseClass, to_share: int, terms: GovernorConfig, now: float) -> int:
        """The reserve that others must leave for a class: its unspent floor, less the lent part
        while it is quiet.
        """
        share = terms.shares.get(lease_class, _NONE)
        kept = max(0, math.floor(share.floor * to_share) - self.spent(lease_class))
        quiet = now - self.asked_at.get(lease_class, 0.0) >= terms.quiet_after.total_seconds()
        return math.ceil(kept * (1 - terms.lent)) if quiet else kept

    def _coming_need(self, lease_class: LeaseClass, terms: GovernorConfig) -> int:
        """The reserve that less important classes leave for a class beyond their own floors, for
        its next hours.

        Without it a backfill would take at night what is free, and starve the lanes in the
        morning.
        """
        return 0 if self.budget.is_concurrency else math.ceil(self.spent(lease_class) * terms.ahead)


def _lease_key(process: str, line: LeaseLine) -> str:
    return f"{process} {line.lease_class}"


def _believed(line: LeaseLine, lease: HeldLease) -> LeaseLine:
    """A guest's report, as far as it can be: nobody spends or returns what was not granted."""
    spent = min(line.spent, max(lease.spent, lease.granted - lease.returned))
    returned = min(line.returned, max(lease.returned, lease.granted - max(lease.spent, spent)))
    return line.model_copy(update={"spent": spent, "returned": returned})


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S %Z}"
