"""Law 5 in a process: tokens for calls, leased from the governor in advance, many at a time.

One exchange at most is under way, for every budget and class of the process. Without an answer,
granted tokens may be spent until the lease ends; then calls stop. Times are monotonic.
"""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clients.governor.lease_account import IDLE_SECONDS, LeaseAccount, LeaseKey
from clients.governor.protocol import Governor
from clients.metrics.leases import timed_wait
from schemas.errors import TidegateError, UnavailableError
from schemas.governor import Budget, Exchange, LeaseAnswer, LeaseClass, Reading, Refusal

PATIENCE = timedelta(seconds=30)
"""Time that a call waits for its token before it fails, to be tried again by its step."""
_RENEWALS = 3  # exchanges in a lease's life, so that one or two may fail
_SPACING = 0.1
"""Least seconds between two exchanges; callers that come meanwhile share the next one."""
_BACKOFF = (0.2, 0.5, 1.0, 2.0)


@dataclass
class _Told:
    """Readings and refusals that the governor has not heard yet."""

    readings: dict[Budget, Reading] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


class Leases:
    """The process's tokens. Close it to give back what was not used."""

    def __init__(
        self,
        governor: Governor,
        *,
        clock: Callable[[], float] | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        """`clock`: monotonic seconds; None = the machine's."""
        self._governor = governor
        self._clock = clock or time.monotonic
        self._patience = patience.total_seconds()
        self._process = uuid.uuid4().hex
        self._accounts: dict[LeaseKey, LeaseAccount] = {}
        self._told = _Told()
        self._valid_until = 0.0
        self._sent_at = 0.0
        self._life = 0.0
        self._failure: TidegateError | None = None
        self._ask = asyncio.Event()
        self._news = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        """Spend `count` tokens, waiting for them as long as the patience lasts.

        Raises `BudgetSpentError`, which says when to retry later, or `UnavailableError` when the
        governor does not answer.
        """
        account = self._reserve(budget, lease_class, count) or await self._wait(budget, lease_class, count)
        account.spent += count
        self._refill_early(account, budget)

    def try_take(self, budget: Budget, lease_class: LeaseClass, most: int) -> int:
        """Spend what is there, up to `most`, without waiting; more is asked for in the
        background.
        """
        account = self._account(budget, lease_class)
        got = min(most, account.left) if self._may_spend(account) else 0
        account.use(most, self._clock())
        account.spent += got
        self._refill_early(account, budget)
        return got

    def is_paused(self, budget: Budget, lease_class: LeaseClass) -> bool:
        """True while a refusal of the org stops the spending, as far as this process knows."""
        return self._clock() < self._account(budget, lease_class).paused_until

    async def wait_for(self, budget: Budget, lease_class: LeaseClass) -> None:
        """Wait until a token is there, and take none. Raises as `take` does."""
        await self._wait(budget, lease_class, 1)

    def reserve(self, budget: Budget, lease_class: LeaseClass, most: int) -> int:
        """Take what is there, up to `most`, for something that was asked for and will be spent when
        it comes.
        """
        got = self.try_take(budget, lease_class, most)
        account = self._account(budget, lease_class)
        account.spent -= got
        account.held += got
        return got

    def spend_reserved(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Mark `count` reserved tokens as spent. Deliveries beyond the reservation are charged as
        well.
        """
        account = self._account(budget, lease_class)
        reserved = min(count, account.held)
        account.held -= reserved
        account.spent += reserved
        if count > reserved:
            self.settle(budget, lease_class, count - reserved)

    @asynccontextmanager
    async def hold(self, budget: Budget, lease_class: LeaseClass) -> AsyncIterator[None]:
        """Hold one token of a concurrency budget while the body runs."""
        account = self._reserve(budget, lease_class, 1) or await self._wait(budget, lease_class, 1)
        account.held += 1
        self._refill_early(account, budget)
        try:
            yield
        finally:
            account.held -= 1
            account.spent += 1
            self._ask.set()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Count what was spent without having been asked for, as an org does that sends more than
        was agreed.
        """
        account = self._account(budget, lease_class)
        account.use(count, self._clock())
        account.spent += count
        account.granted = max(account.granted, account.spent + account.returned)
        self._refill_early(account, budget)

    def read(self, reading: Reading) -> None:
        """Tell the governor with the next exchange; the newest reading of a budget is enough."""
        held = self._told.readings.get(reading.budget)
        if held is None or held.at - held.lag <= reading.at - reading.lag:
            self._told.readings[reading.budget] = reading

    def refuse(self, refusal: Refusal) -> None:
        """Stop this process's spending of the budget, and tell the governor now: every process must
        hear of it.
        """
        for (budget, _), account in self._accounts.items():
            if budget is refusal.budget:
                reason = f"the org refused ({refusal.kind})"
                account.pause(refusal.retry_after.total_seconds(), reason, self._clock())
        self._told.refusals.append(refusal)
        self._ensure_pump()
        self._ask.set()

    async def close(self) -> None:
        """Give everything back."""
        if self._pump is not None:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
            self._pump = None
        if self._is_valid() and self._accounts:
            for account in self._accounts.values():
                account.waiting = account.held = 0
                account.returned += account.left
                account.used_at = -math.inf
            with suppress(TidegateError):
                await self._exchange()

    def _account(self, budget: Budget, lease_class: LeaseClass) -> LeaseAccount:
        return self._accounts.setdefault((budget, lease_class), LeaseAccount())

    def _is_valid(self) -> bool:
        return self._clock() < self._valid_until

    def _may_spend(self, account: LeaseAccount) -> bool:
        return self._is_valid() and self._clock() >= account.paused_until

    def _reserve(self, budget: Budget, lease_class: LeaseClass, count: int) -> LeaseAccount | None:
        """The account when it has the tokens; earlier callers go first."""
        account = self._account(budget, lease_class)
        if account.waiting or account.left < count or not self._may_spend(account):
            return None
        account.use(count, self._clock())
        return account

    @timed_wait
    async def _wait(self, budget: Budget, lease_class: LeaseClass, count: int) -> LeaseAccount:
        deadline = self._clock() + self._patience
        account = self._account(budget, lease_class)
        account.waiting += count
        account.used_at = self._clock()
        try:
            while True:
                if account.left >= count and self._may_spend(account):
                    account.use(count, self._clock())
                    return account
                self._ensure_pump()
                self._ask.set()
                self._give_up_when_hopeless(account, (budget, lease_class), deadline)
                with suppress(TimeoutError):
                    async with asyncio.timeout(account.until_change(self._clock(), deadline)), self._news:
                        await self._news.wait()
        finally:
            account.waiting -= count

    def _give_up_when_hopeless(self, account: LeaseAccount, key: LeaseKey, deadline: float) -> None:
        account.raise_when_spent(key, self._clock(), deadline)
        if self._clock() >= deadline:
            detail = "it has not answered" if self._failure is None else str(self._failure)
            raise UnavailableError(system="The governor", detail=f"no token, no call: {detail}")

    def _refill_early(self, account: LeaseAccount, budget: Budget) -> None:
        if self._account_due(account, budget) <= self._clock():
            self._ensure_pump()
            self._ask.set()

    def _ensure_pump(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._keep_exchanging())

    async def _keep_exchanging(self) -> None:
        failed = 0
        while True:
            self._ask.clear()
            try:
                await self._exchange()
                failed, self._failure = 0, None
            except TidegateError as error:
                failed, self._failure = failed + 1, error
            async with self._news:
                self._news.notify_all()
            await self._until_due(failed)

    async def _until_due(self, failed: int) -> None:
        await asyncio.sleep(_BACKOFF[min(failed, len(_BACKOFF)) - 1] if failed else _SPACING)
        while (due := self._next_due()) > (now := self._clock()):
            with suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(due) else due - now):
                    await self._ask.wait()
            self._ask.clear()

    def _next_due(self) -> float:
        """When the next exchange is needed; in the past for now, infinite for never."""
        if self._told.refusals:
            return -math.inf
        due = [self._account_due(account, budget) for (budget, _), account in self._accounts.items()]
        return min(due, default=math.inf)

    def _account_due(self, account: LeaseAccount, budget: Budget) -> float:
        now, due = self._clock(), math.inf
        if account.left or account.held:
            due = self._sent_at + self._life / _RENEWALS
            if account.left and not budget.is_concurrency:
                due = min(due, account.used_at + IDLE_SECONDS)
        usable = account.left if self._is_valid() else 0
        if now < account.paused_until:
            asks = account.waiting > 0 and account.is_doubtful(now)
            return now if asks else min(due, account.paused_until)
        if account.is_low(usable, now, is_concurrency=budget.is_concurrency):
            due = min(due, account.ask_again_at)
        return due

    async def _exchange(self) -> None:
        self._sent_at = sent = self._clock()
        if sent >= self._valid_until:
            self._begin_anew()
        process, told = self._process, self._told
        self._told = _Told()
        lines = tuple(account.line(key, sent) for key, account in self._accounts.items())
        message = Exchange(
            process=process,
            lines=lines,
            readings=tuple(told.readings.values()),
            refusals=tuple(told.refusals),
            at=datetime.now(UTC),
        )
        try:
            answer = await self._governor.exchange(message)
        except TidegateError:
            self._told.refusals = told.refusals + self._told.refusals
            for reading in told.readings.values():
                self.read(reading)
            raise
        if process == self._process:
            self._hear(answer, sent)

    def _hear(self, answer: LeaseAnswer, sent: float) -> None:
        self._life = answer.lease_life.total_seconds()
        self._valid_until = sent + self._life
        # A refusal that came while the question was under way is not in the answer.
        untold = {each.budget for each in self._told.refusals}
        for line in answer.lines:
            account = self._account(line.budget, line.lease_class)
            account.hear(line, self._clock(), knows_refusals=line.budget not in untold)

    def _begin_anew(self) -> None:
        """The leases' life is over: the governor counts the rest as spent, so none is continued."""
        self._process = uuid.uuid4().hex
        for account in self._accounts.values():
            account.granted = account.spent = account.returned = 0
