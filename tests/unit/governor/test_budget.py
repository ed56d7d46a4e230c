"""Who gets what of a budget: floors, ceilings, lending, the hard floor, and what others leave."""

from datetime import UTC, datetime, timedelta

from schemas.governor import (
    Budget,
    Exchange,
    GovernorConfig,
    LeaseClass,
    LeaseLine,
    Reading,
    Refusal,
    RefusalKind,
)
from schemas.salesforce.limits import COMETD_LOOK_AHEAD, DAILY_DELIVERED_EVENTS
from transforms.governor.budget import BudgetBook
from transforms.governor.ledger import BudgetLedger

NOW = 1_800_000_000.0
MAXIMUM = 100_000
TERMS = GovernorConfig(most_at_once=1)
WRITEBACK, POLLING, BACKFILL, GUEST = (
    LeaseClass.WRITEBACK,
    LeaseClass.POLLING,
    LeaseClass.BACKFILL,
    LeaseClass.GUEST,
)


def books(*, used: int = 0, terms: GovernorConfig = TERMS) -> BudgetLedger:
    made = BudgetLedger(org="o", terms=terms)
    read(made, used)
    return made


def read(made: BudgetLedger, used: int, now: float = NOW) -> None:
    at = datetime.fromtimestamp(now, UTC)
    reading = Reading(budget=Budget.API_CALLS, maximum=MAXIMUM, used=used, at=at, lag=timedelta(0))
    made.take_in((reading,), ())


def take(made: BudgetLedger, lease_class: LeaseClass, want: int, now: float = NOW) -> int:
    """The first grant of a new process of the class."""
    line = LeaseLine(budget=Budget.API_CALLS, lease_class=lease_class, granted=0, spent=0, want=want)
    [answer] = made.exchange(Exchange(process=f"{lease_class}{now}{want}", lines=(line,)), now).lines
    return answer.granted


def calls(made: BudgetLedger) -> BudgetBook:
    return made.books[Budget.API_CALLS]


def test_a_backfill_never_takes_what_writebacks_are_promised() -> None:
    made = books()
    take(made, WRITEBACK, 1)
    take(made, BACKFILL, MAXIMUM)
    floor = int(0.2 * calls(made).to_share(TERMS))
    assert take(made, WRITEBACK, floor - 1, NOW + 1) == floor - 1


def test_a_backfill_stops_at_its_ceiling_however_much_there_is() -> None:
    made = books()
    got = take(made, BACKFILL, MAXIMUM)
    assert got == int(0.4 * calls(made).to_share(TERMS))


def test_a_quiet_class_lends_and_gets_it_back() -> None:
    shares = TERMS.model_copy(update={"shares": TERMS.shares, "lent": 1.0})
    lending, asking = books(terms=shares), books(terms=shares)
    take(asking, WRITEBACK, 1)
    assert take(lending, POLLING, MAXIMUM) > take(asking, POLLING, MAXIMUM)
    back = NOW + 60
    before = calls(lending).allowed(BACKFILL, shares, back)[0]
    take(lending, WRITEBACK, 1, back)
    assert calls(lending).allowed(BACKFILL, shares, back)[0] < before


def test_below_the_hard_floor_only_writebacks_are_served() -> None:
    made = books(used=int(MAXIMUM * 0.92))
    assert take(made, POLLING, 10) == 0
    assert take(made, WRITEBACK, 10) == 10


def test_shares_are_parts_of_what_others_leave() -> None:
    alone, beside = books(), books(used=MAXIMUM // 2)
    assert calls(alone).to_share(TERMS) == 95_000
    assert calls(beside).to_share(TERMS) == 45_000


def test_the_least_class_gets_its_floor_where_others_took_half_and_lanes_spend_much() -> None:
    made = books(used=MAXIMUM // 2)
    spend(made, POLLING, 24_000)
    spend(made, BACKFILL, 6_000)
    for lease_class in LeaseClass:
        take(made, lease_class, 1, NOW + 2)
    floor = int(0.05 * calls(made).to_share(TERMS))
    assert take(made, GUEST, floor // 2, NOW + 3) == floor // 2


def spend(made: BudgetLedger, lease_class: LeaseClass, count: int) -> None:
    for spent in (0, count):
        line = LeaseLine(budget=Budget.API_CALLS, lease_class=lease_class, granted=spent, spent=spent, want=0)
        made.exchange(Exchange(process=f"spent by {lease_class}", lines=(line,)), NOW)


def test_a_backfill_leaves_what_the_lanes_will_need_in_the_coming_hours() -> None:
    made = books(used=MAXIMUM // 2)
    spend(made, POLLING, 24_000)
    take(made, BACKFILL, MAXIMUM)
    assert calls(made).allowed(POLLING, TERMS, NOW)[0] > 0


def test_a_refusal_of_the_quota_stops_every_class_until_it_is_read_again() -> None:
    made = books()
    at = datetime.fromtimestamp(NOW + 1, UTC)
    refusal = Refusal(
        budget=Budget.API_CALLS, kind=RefusalKind.QUOTA, at=at, retry_after=timedelta(minutes=15)
    )
    made.take_in((), (refusal,))
    assert [take(made, each, 5, NOW + 2) for each in LeaseClass] == [0] * len(LeaseClass)
    later = NOW + 1_000
    assert take(made, WRITEBACK, 5, later) == 0
    read(made, 50_000, later)
    assert take(made, WRITEBACK, 6, later) == 6


def test_six_streams_may_each_hold_what_a_poll_can_bring() -> None:
    made = BudgetLedger(org="o")
    at = datetime.fromtimestamp(NOW, UTC)
    reading = Reading(
        budget=Budget.DELIVERED_EVENTS, maximum=DAILY_DELIVERED_EVENTS["unlimited"], used=0, at=at
    )
    made.take_in((reading,), ())
    want = 6 * COMETD_LOOK_AHEAD
    line = LeaseLine(budget=Budget.DELIVERED_EVENTS, lease_class=POLLING, granted=0, spent=0, want=want)
    [answer] = made.exchange(Exchange(process="lanes", lines=(line,)), NOW).lines
    assert answer.granted == want


def refuse(made: BudgetLedger, now: float) -> None:
    at = datetime.fromtimestamp(now, UTC)
    refusal = Refusal(
        budget=Budget.API_CALLS, kind=RefusalKind.QUOTA, at=at, retry_after=timedelta(minutes=15)
    )
    made.take_in((), (refusal,))


def reading(now: float, *, maximum: int = MAXIMUM, used: int = 0) -> Reading:
    at = datetime.fromtimestamp(now, UTC)
    return Reading(budget=Budget.API_CALLS, maximum=maximum, used=used, at=at)


def test_a_reading_of_a_raised_allocation_ends_the_refusal() -> None:
    made = books()
    refuse(made, NOW + 10)
    made.take_in((reading(NOW + 20),), ())
    assert take(made, WRITEBACK, 5, NOW + 21) == 0
    made.take_in((reading(NOW + 30, maximum=2 * MAXIMUM, used=MAXIMUM),), ())
    assert take(made, WRITEBACK, 5, NOW + 31) == 5


def test_a_recheck_ends_a_refusal_where_there_is_room_and_counts_what_the_reading_may_miss() -> None:
    made = books()
    calls(made).prepay(700, NOW + 5)
    refuse(made, NOW + 10)
    full = reading(NOW + 20, used=MAXIMUM)
    [held] = made.recheck(Budget.API_CALLS, made.refused, (full,), NOW + 20)
    assert (held.was_refused, held.paused_until is not None) == (True, True)
    [free] = made.recheck(Budget.API_CALLS, made.refused, (reading(NOW + 30, used=40),), NOW + 30)
    assert (free.was_refused, free.paused_until, free.used) == (True, None, 740)
    assert take(made, WRITEBACK, 5, NOW + 31) == 5


def test_a_recheck_of_another_budget_leaves_a_refusal_as_it_is() -> None:
    made = books()
    refuse(made, NOW + 10)
    made.recheck(Budget.DELIVERED_EVENTS, made.refused, (reading(NOW + 30),), NOW + 30)
    assert take(made, WRITEBACK, 5, NOW + 31) == 0


def test_a_pause_that_ends_now_is_over() -> None:
    made = books()
    refuse(made, NOW)
    ends = calls(made).paused_until
    [before], [at_it] = (made.recheck(Budget.API_CALLS, made.refused, (), now) for now in (ends - 1, ends))
    assert before.paused_until == datetime.fromtimestamp(ends, UTC)
    assert at_it.paused_until is None
