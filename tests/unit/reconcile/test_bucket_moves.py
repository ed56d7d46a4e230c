"""Where a record counts after each of its changes is what the fold says of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st

from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UPDATE
from schemas.ingest.positions import epoch_ms
from schemas.reconcile import Grain, Range
from tests.support.builders.changes import SPEC, change, histories
from transforms.apply.fold import LoggedChange, fold
from transforms.reconcile.bucket_moves import add_moves
from transforms.reconcile.buckets import BucketPlace, BucketStep, Moving

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
NAMES = ("last_modified_date", "b")
"""The builder's `a` stands for the first: hours after the first one."""
OPEN = (Range(),)


def modified(hours: int | None) -> datetime | None:
    return None if hours is None else FIRST + timedelta(hours=hours)


def row(each: LoggedChange) -> tuple[Any, ...]:
    named = each.changed_fields and each.changed_fields.replace("a", NAMES[0], 1)
    head = (each.record_id, each.change_order, each.change_type, each.changed_at, named)
    return (*head, modified(each.values[0]), each.values[1])


def moved(*changes: LoggedChange, since_ms: int = 0, ranges: tuple[Range, ...] = OPEN) -> Moving:
    made = Moving()
    add_moves(made, map(row, changes), NAMES, since_ms=since_ms, grain=Grain.HOUR, ranges=ranges)
    return made


def place(hours: int | None, number: int | None) -> BucketPlace | None:
    at = modified(hours)
    return None if at is None else BucketPlace(epoch_ms(at) // 3_600_000, epoch_ms(at), (float(number or 0),))


@given(histories(records=3, most=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_the_moves_of_records_are_the_folds_versions(
    changes: list[LoggedChange], chance: Any, cut: int
) -> None:
    since = epoch_ms(changes[min(cut, len(changes) - 1)].changed_at)
    before: dict[str, BucketPlace | None] = {}
    steps = []
    for record_id in sorted({each.record_id for each in changes}):
        before[record_id] = None
        for version in fold([each for each in changes if each.record_id == record_id], SPEC):
            found = None if version.is_deleted else place(version.values[0], version.values[1])
            if epoch_ms(version.valid_from) < since:
                before[record_id] = found
            else:
                steps.append(BucketStep(epoch_ms(version.valid_from), record_id, found))
    chance.shuffle(changes)
    assert moved(*changes, since_ms=since) == Moving(before, steps)


def test_a_snapshot_of_some_fields_leaves_the_others_as_they_were() -> None:
    partial = change(2, SNAPSHOT, (3, None, None), changed="a")
    made = moved(change(1, CREATE, (1, 5, None)), partial)
    assert [step.after for step in made.steps] == [place(1, 5), place(3, 5)]


def test_a_record_counts_within_a_range_from_its_beginning_up_to_its_end() -> None:
    hours = Range(since=modified(2), until=modified(4))
    changes = [change(number, UPDATE, (number, 1, None), changed="a,b") for number in range(1, 6)]
    assert [step.after for step in moved(*changes, ranges=(hours,)).steps] == [
        None, place(2, 1), place(3, 1), None, None,
    ]  # fmt: skip
    assert [step.after for step in moved(*changes, ranges=()).steps] == [None] * 5


def test_a_deleted_record_counts_no_more_until_it_is_whole_again() -> None:
    changes = [
        change(1, CREATE, (1, 5, None)),
        change(2, DELETE),
        change(3, UPDATE, (2, None, None), changed="a"),
        change(4, SNAPSHOT, (3, 7, None)),
    ]
    assert [step.after for step in moved(*changes).steps] == [place(1, 5), None, None, place(3, 7)]
