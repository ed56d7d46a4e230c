"""Law 3 where a lane hands over to another: events and snapshots of one second fold to what the org
holds.

An org in miniature: one record, commits at milliseconds, modstamps in seconds. Its changes are
streamed, then polled, then streamed again, each with an overlap; what was received is folded and
compared with what the org holds.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st

from schemas.ingest.change_types import CREATE, SNAPSHOT, UPDATE
from schemas.ingest.positions import PolledRow, floor_to_second
from tests.support.builders.changes import APPLIED_AT, SPEC
from transforms.apply.fold import LoggedChange, fold
from transforms.ingest.change_header import change_order
from transforms.ingest.snapshots import row_events
from transforms.pii import HEADER

START = 1_795_000_000_000
SPAN = 12_000
DELAY = 2_000
RECORD = "a0xTg0000000001AAA"

commits = st.lists(st.integers(0, SPAN), min_size=1, max_size=12, unique=True).map(sorted)
"""When the record is written, in milliseconds from the start; the first one makes it."""


def event(number: int, at: int) -> LoggedChange:
    """Commit `number` sets A to its number, as the stream tells it."""
    kind, named = (CREATE, None) if number == 0 else (UPDATE, "a")
    return logged(kind, named, START + at, number + 1, 1, number)


def snapshot(number: int, modstamp: int) -> LoggedChange:
    """The record as it was after commit `number`."""
    row = PolledRow(RECORD, START + modstamp, is_deleted=False, fields={"A__c": number})
    [data] = row_events("Thing__c", row)
    header = data["payload"][HEADER]
    return logged(
        SNAPSHOT, None, header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"], number
    )


def logged(kind: str, named: str | None, at: int, number: int, sequence: int, value: int) -> LoggedChange:
    order = change_order(at, number, sequence)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return LoggedChange(RECORD, order, kind, moment, named, None, None, "b", APPLIED_AT, (value, None, None))


def polled(written: list[int], since: int, horizons: list[int]) -> list[LoggedChange]:
    """The snapshots that polls of [since, first), [first, second) … bring, each made a delay after
    its horizon.
    """
    found = []
    for begins, ends in pairwise([since, *horizons]):
        seen = [at for at in written if at < ends + DELAY]
        if seen and begins <= (modstamp := floor_to_second(seen[-1])) < ends:
            found.append(snapshot(len(seen) - 1, modstamp))
    return found


@settings(max_examples=500)
@given(
    commits,
    st.integers(0, SPAN),
    st.integers(0, 3_000),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.integers(0, 3_000),
    st.randoms(use_true_random=False),
)
def test_a_record_that_was_streamed_polled_and_streamed_again_is_what_the_org_holds(
    written, stream_ends, overlap, polls, second_overlap, chance
) -> None:
    since = floor_to_second(max(0, stream_ends - overlap))
    horizons = [since + 1_000 * sum(polls[: count + 1]) for count in range(len(polls))]
    stream_begins = max(0, horizons[-1] - second_overlap)
    received = [
        event(number, at) for number, at in enumerate(written) if at < stream_ends or at >= stream_begins
    ]
    received += polled(written, since, horizons)
    chance.shuffle(received)
    once = {change.change_order: change for change in received}
    assert fold(once.values(), SPEC)[-1].values[0] == len(written) - 1


def test_a_snapshot_before_the_events_of_its_second_would_take_a_record_back() -> None:
    """Why snapshots stand at the end: the event at .300 was received, the commit at .700 is known
    by the snapshot alone.
    """
    first, last = event(0, 300), snapshot(1, 0)
    assert fold([first, last], SPEC)[-1].values[0] == 1
    too_early = logged(SNAPSHOT, None, START, 0, 0, 1)
    assert fold([first, too_early], SPEC)[-1].values[0] == 0
