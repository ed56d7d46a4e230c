"""Whatever the order of grants, returns, expiries, readings and restarts, never more is granted
than there is.

An org counts truly; processes spend what they hold; messages are late, lost or come twice;
readings come late and out of order and may lack what was spent just before; the governor is
written down and read again at any moment.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.governor import (
    Budget,
    Exchange,
    GovernorConfig,
    LeaseAnswer,
    LeaseClass,
    LeaseLine,
    Reading,
    Refusal,
    RefusalKind,
    Share,
)
from transforms.governor.ledger import BudgetLedger

BUDGET = Budget.API_CALLS
MAXIMUM = 1_000
DAY = 24 * 3_600.0
BEGAN = 1_800_000_000.0
GREEDY = GovernorConfig(
    hard_floor=0, most_at_once=1, shares={each: Share(floor=0, ceiling=1) for each in LeaseClass}
)
"""Nothing but the budget itself holds a process back."""


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@dataclass
class Process:
    """A process, as the protocol wants it."""

    name: str
    lease_class: LeaseClass
    granted: int = 0
    spent: int = 0
    returned: int = 0
    valid_until: float = 0.0

    def left(self, now: float) -> int:
        return self.granted - self.spent - self.returned if now < self.valid_until else 0

    def line(self, want: int) -> LeaseLine:
        return LeaseLine(
            budget=BUDGET,
            lease_class=self.lease_class,
            granted=self.granted,
            spent=self.spent,
            returned=self.returned,
            want=want,
        )

    def hear(self, answer: LeaseAnswer, name: str, sent: float) -> None:
        if name == self.name:
            self.granted = max(self.granted, answer.lines[0].granted)
            self.valid_until = max(self.valid_until, sent + answer.lease_life.total_seconds())


@dataclass
class Org:
    """Counts every call, for 24 hours."""

    calls: list[tuple[float, int]] = field(default_factory=list)

    def used(self, now: float, *, but_since: float | None = None) -> int:
        until = now if but_since is None else but_since
        return sum(count for at, count in self.calls if now - DAY < at <= until)


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = BEGAN
        self.org = Org()
        self.books = BudgetLedger(org="o", terms=GREEDY)
        self.numbers = iter(range(10_000))
        self.processes = [self.new_process(each) for each in LeaseClass]
        self.mail: list[Callable[[], None]] = []
        self.turns = 0

    def patience(self) -> bool:
        """Hours pass, and messages are lost, now and then only: most of the time something is under
        way.
        """
        self.turns += 1
        return self.turns % 10 == 0

    def new_process(self, lease_class: LeaseClass) -> Process:
        return Process(f"p{next(self.numbers)}", lease_class)

    @initialize(terms=st.sampled_from([GREEDY, GREEDY, GovernorConfig(), GovernorConfig(most_at_once=0.5)]))
    def the_org_is_read_first(self, terms: GovernorConfig) -> None:
        self.books = BudgetLedger(org="o", terms=terms)
        reading = Reading(budget=BUDGET, maximum=MAXIMUM, used=0, at=moment(self.now), lag=timedelta(0))
        self.books.take_in((reading,), ())

    @rule(seconds=st.floats(0, 90))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.patience())
    @rule(hours=st.floats(1, 26))
    def hours_pass(self, hours: float) -> None:
        self.now += hours * 3_600

    @rule(
        number=st.integers(0, 5),
        want=st.sampled_from([0, 10, 300, 2_000]),
        copies=st.integers(1, 2),
        answered=st.booleans(),
        at_once=st.booleans(),
    )
    def a_process_writes(self, number: int, want: int, copies: int, answered: bool, at_once: bool) -> None:
        process = self.processes[number]
        if self.now >= process.valid_until:
            process.name, process.granted, process.spent, process.returned = f"p{next(self.numbers)}", 0, 0, 0
        line, name, sent = process.line(want), process.name, self.now

        def arrive() -> None:
            answer = self.books.exchange(Exchange(process=name, lines=(line,)), self.now)
            if answered:
                process.hear(answer, name, sent)

        if at_once:
            arrive()
            copies -= 1
        self.mail += [arrive] * copies

    @rule(number=st.integers(0, 5), share=st.sampled_from([0.3, 1.0]))
    def a_process_spends(self, number: int, share: float) -> None:
        process = self.processes[number]
        count = int(process.left(self.now) * share)
        process.spent += count
        self.org.calls.append((self.now, count))

    @rule(number=st.integers(0, 5))
    def a_process_takes_and_spends_what_it_can_get(self, number: int) -> None:
        self.a_process_writes(number, 2_000, 1, answered=True, at_once=True)
        self.a_process_spends(number, 1.0)

    @rule(number=st.integers(0, 5), share=st.floats(0, 1))
    def a_process_gives_back(self, number: int, share: float) -> None:
        process = self.processes[number]
        process.returned += int(process.left(self.now) * share)

    @rule(number=st.integers(0, 5))
    def a_process_is_killed(self, number: int) -> None:
        self.processes[number] = self.new_process(self.processes[number].lease_class)

    @precondition(lambda self: self.mail)
    @rule(which=st.integers(0, 1_000))
    def a_message_arrives(self, which: int) -> None:
        self.mail.pop(which % len(self.mail))()

    @precondition(lambda self: self.mail and self.patience())
    @rule(which=st.integers(0, 1_000))
    def a_message_is_lost(self, which: int) -> None:
        self.mail.pop(which % len(self.mail))

    @rule(lag=st.sampled_from([0.0, 15.0, 300.0]), missing=st.sampled_from([0.0, 1.0]), at_once=st.booleans())
    def the_org_is_read(self, lag: float, missing: float, at_once: bool) -> None:
        used = self.org.used(self.now, but_since=self.now - lag * missing)
        reading = Reading(
            budget=BUDGET, maximum=MAXIMUM, used=used, at=moment(self.now), lag=timedelta(seconds=lag)
        )
        if at_once:
            self.books.take_in((reading,), ())
        else:
            self.mail.append(lambda: self.books.take_in((reading,), ()))

    @rule(kind=st.sampled_from(RefusalKind))
    def the_org_refuses(self, kind: RefusalKind) -> None:
        at = moment(self.now)
        refusal = Refusal(budget=BUDGET, kind=kind, at=at, retry_after=timedelta(seconds=30))
        self.mail.append(lambda: self.books.take_in((), (refusal,)))

    @rule()
    def the_governor_is_written_down_and_read_again(self) -> None:
        self.books = BudgetLedger.model_validate_json(self.books.model_dump_json())

    @invariant()
    def what_is_used_and_what_is_held_fit_the_budget(self) -> None:
        held = sum(process.left(self.now) for process in self.processes)
        assert self.org.used(self.now) + held <= MAXIMUM * (1 - self.books.terms.margin)

    @invariant()
    def the_governor_knows_of_every_token_that_can_be_spent(self) -> None:
        book = self.books.books[BUDGET]
        held = sum(process.left(self.now) for process in self.processes)
        assert book.alive() >= held


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
