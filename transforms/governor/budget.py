"""The arithmetic of one budget's grants: a class's possible grant now, and a lease's part of it.

The invariant, whatever the order of grants, returns, expiries, readings and restarts:

    what the org has counted + tokens granted and alive <= maximum - margin

It holds because spending is counted at the latest moment at which it can have happened (when it
is reported, or when the lease ends), and a reading replaces only what was spent before the time
that the reading speaks of. What *others* spend between two readings is not known; the margin is
for them.
"""

import math
from datetime import timedelta

from schemas.governor import (
    MOST_GUEST_PROCESSES,
    Budget,
    GovernorConfig,
    GrantedLine,
    LeaseClass,
    LeaseLine,
)
from transforms.governor.account import BudgetAccount
from transforms.governor.held_lease import HeldLease

_SOON = timedelta(seconds=5)
_LATER = timedelta(seconds=30)
_UNREAD = timedelta(seconds=1)
_CAPPED = timedelta(seconds=0.5)


class BudgetBook(BudgetAccount):
    """One budget's books: the account, and the leases that are granted from it."""

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
        share = terms.share_of(lease_class)
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

    def _kept_floor(self, lease_class: LeaseClass, to_share: int, terms: GovernorConfig, now: float) -> int:
        """The reserve that others must leave for a class: its unspent floor, less the lent part
        while it is quiet.
        """
        share = terms.share_of(lease_class)
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
