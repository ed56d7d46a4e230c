"""Aggregates of both sides stay comparable while changes go on."""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings, strategies as st

from transforms.reconcile.buckets import Bucket, BucketPlace, BucketStep, Moving, explain

ASKED = 1_000_000_000
DAY_MS = 86_400_000
DAYS = 40


@dataclass
class World:
    """Records that change, and what both sides know of them."""

    chance: random.Random
    places: dict[str, BucketPlace | None] = field(default_factory=dict)
    steps: list[BucketStep] = field(default_factory=list)

    def fill(self, records: int) -> None:
        for number in range(records):
            day = self.chance.randrange(DAYS)
            self.places[f"r{number}"] = BucketPlace(day, day * DAY_MS, (float(self.chance.randrange(100)),))

    def change(self, count: int, span_ms: int) -> None:
        """Changes around the moment at which the org is asked; each moves its record into the
        newest bucket.
        """
        times = sorted(ASKED + self.chance.randrange(-span_ms, span_ms) for _ in range(count))
        for at_ms in times:
            name = self.chance.choice([*self.places, f"new{at_ms}"])
            gone = self.chance.random() < 0.1
            number = float(self.chance.randrange(100))
            self.steps.append(BucketStep(at_ms, name, None if gone else BucketPlace(DAYS, at_ms, (number,))))

    def answer(self, at_step: int) -> dict[int, Bucket]:
        """The org's answer when it shows the first `at_step` steps."""
        places = dict(self.places) | {step.record_id: step.after for step in self.steps[:at_step]}
        return totals([place for place in places.values() if place is not None])

    def warehouse(self) -> tuple[dict[int, Bucket], Moving]:
        moving = {step.record_id for step in self.steps}
        still = totals([p for name, p in self.places.items() if p is not None and name not in moving])
        before = {name: self.places.get(name) for name in moving}
        return still, Moving(before, list(self.steps))


def totals(places: list[BucketPlace]) -> dict[int, Bucket]:
    found: dict[int, Bucket] = {}
    for place in places:
        bucket = found.setdefault(place.bucket, Bucket(sums=(0.0,)))
        bucket.count += 1
        bucket.newest_ms = max(bucket.newest_ms, place.lmd_ms)
        bucket.sums = (bucket.sums[0] + place.numbers[0],)
    return found


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 120))
def test_a_warehouse_without_faults_differs_in_no_bucket_whatever_was_on_its_way(
    seed: int, count: int
) -> None:
    world = World(random.Random(seed))
    world.fill(300)
    world.change(count, 5_000)
    still, moving = world.warehouse()
    answer = world.answer(world.chance.randint(0, count))
    found = explain(answer, still, moving, from_ms=ASKED - 5_000, to_ms=ASKED + 5_000)
    assert found.differing == ()
    assert found.in_flight == count


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 60))
def test_a_lost_update_is_seen_in_both_of_its_buckets_though_others_are_on_their_way(
    seed: int, count: int
) -> None:
    world = World(random.Random(seed))
    world.fill(300)
    lost = world.places.pop("r7")
    assert lost is not None
    world.change(count, 5_000)
    still, moving = world.warehouse()
    old = still.setdefault(lost.bucket, Bucket(sums=(0.0,)))
    old.count += 1
    old.newest_ms = max(old.newest_ms, lost.lmd_ms)
    old.sums = (old.sums[0] + lost.numbers[0],)
    answer = world.answer(world.chance.randint(0, count))
    new = answer.setdefault((lost.bucket + 1) % DAYS, Bucket(sums=(0.0,)))
    new.count += 1
    new.sums = (new.sums[0] + lost.numbers[0],)
    found = explain(answer, still, moving, from_ms=ASKED - 5_000, to_ms=ASKED + 5_000)
    assert {lost.bucket, (lost.bucket + 1) % DAYS} <= set(found.differing)
    assert len(found.differing) <= 3, "and hardly anything else is looked into"


def test_what_was_committed_before_the_question_must_be_in_the_answer() -> None:
    before = Moving(
        {"a": BucketPlace(1, DAY_MS, (1.0,))},
        [BucketStep(ASKED - 60_000, "a", BucketPlace(2, 2 * DAY_MS, (1.0,)))],
    )
    answer = {1: Bucket(1, DAY_MS, (1.0,))}
    found = explain(answer, {}, before, from_ms=ASKED - 5_000, to_ms=ASKED + 5_000)
    assert found.differing == (1, 2)


def test_a_number_that_drifts_is_seen_though_nothing_else_changes() -> None:
    answer = {1: Bucket(3, DAY_MS, (12.5,))}
    found = explain(answer, {1: Bucket(3, DAY_MS, (12.0,))}, Moving(), from_ms=ASKED, to_ms=ASKED)
    assert (found.differing, found.rows) == ((1,), 3)


def test_the_order_of_additions_is_no_difference() -> None:
    sums = [0.1 * n for n in range(1_000)]
    there, back = sum(sums), sum(reversed(sums))
    answer = {1: Bucket(1_000, DAY_MS, (there,))}
    found = explain(answer, {1: Bucket(1_000, DAY_MS, (back,))}, Moving(), from_ms=ASKED, to_ms=ASKED)
    assert found.differing == ()


def test_a_sum_that_the_warehouse_cannot_know_is_not_compared_and_the_others_are() -> None:
    answer = {1: Bucket(3, DAY_MS, (12.0, 5.0))}
    unknown = {1: frozenset({0})}
    for ours, differing in (((4.0, 5.0), ()), ((12.0, 4.0), (1,))):
        found = explain(
            answer, {1: Bucket(3, DAY_MS, ours)}, Moving(), from_ms=ASKED, to_ms=ASKED, unknown=unknown
        )
        assert found.differing == differing


def test_a_record_that_moved_on_between_the_bounds_differs_in_no_bucket() -> None:
    one, other = BucketPlace(1, DAY_MS, (1.0,)), BucketPlace(2, 2 * DAY_MS, (3.0,))
    for at_ms in (ASKED - 5_000, ASKED, ASKED + 5_000):
        moving = Moving({"a": one}, [BucketStep(at_ms, "a", other)])
        for answer in ({1: Bucket(1, DAY_MS, (1.0,))}, {2: Bucket(1, 2 * DAY_MS, (3.0,))}):
            found = explain(answer, {}, moving, from_ms=ASKED - 5_000, to_ms=ASKED + 5_000)
            assert found == ((), 1, 1, 1, 0)


def test_what_was_committed_after_the_answer_cannot_be_in_it() -> None:
    late = Moving({"a": None}, [BucketStep(ASKED + 5_001, "a", BucketPlace(2, 2 * DAY_MS, (1.0,)))])
    answer = {2: Bucket(1, 2 * DAY_MS, (1.0,))}
    found = explain(answer, {}, late, from_ms=ASKED - 5_000, to_ms=ASKED + 5_000)
    assert (found.differing, found.in_flight, found.records, found.rows) == ((2,), 0, 0, 1)


def test_of_moments_that_explain_as_much_the_first_is_taken() -> None:
    steps = [BucketStep(ASKED + n, f"r{n}", BucketPlace(n, n * DAY_MS, (1.0,))) for n in (1, 2)]
    moving = Moving({"r1": None, "r2": None}, steps)
    found = explain({3: Bucket(1, 3 * DAY_MS, (1.0,))}, {}, moving, from_ms=ASKED, to_ms=ASKED + 9)
    assert (found.differing, found.records) == ((3,), 0)


def test_the_newest_change_of_a_bucket_is_compared_by_the_second() -> None:
    ours = {1: Bucket(1, DAY_MS + 999, (1.0,))}
    for newest, differing in ((DAY_MS, ()), (DAY_MS + 1_000, (1,)), (DAY_MS - 1, (1,))):
        answer = {1: Bucket(1, newest, (1.0,))}
        assert explain(answer, ours, Moving(), from_ms=ASKED, to_ms=ASKED).differing == differing


def test_the_rows_of_a_bucket_that_differs_are_those_of_the_side_that_has_more() -> None:
    ours, theirs = {1: Bucket(5), 2: Bucket(2), 4: Bucket(1)}, {1: Bucket(3), 2: Bucket(7), 4: Bucket(1)}
    found = explain(theirs, ours, Moving(), from_ms=ASKED, to_ms=ASKED)
    assert found == ((1, 2), 3, 0, 8, 12)


def test_sums_are_close_to_a_part_in_ten_thousand_millions_or_a_millionth() -> None:
    for one, other, differing in (
        (1e12, 1e12 + 90, ()),
        (1e12, 1e12 + 110, (1,)),
        (0.0, 9e-7, ()),
        (0.0, 1.2e-6, (1,)),
        (-1e12, -1e12 - 90, ()),
        (1e3, -1e3, (1,)),
    ):
        sides = {1: Bucket(1, 0, (one,))}, {1: Bucket(1, 0, (other,))}
        for ours, theirs in (sides, sides[::-1]):
            assert explain(theirs, ours, Moving(), from_ms=0, to_ms=0).differing == differing
