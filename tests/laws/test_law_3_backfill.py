"""Law 3 under a backfill: a row that is read while its record changes folds, with the stream's
events, to what the org holds.

An org in miniature: one record; commits set one of two fields; a third one changes without a
modstamp, as formulas do. The stream tells of commits from before the query job was made; the job
reads the row some time after it was made.
"""

from dataclasses import replace

from hypothesis import given, settings, strategies as st

from schemas.ingest.change_types import SNAPSHOT
from schemas.ingest.positions import PolledRow, floor_to_second
from tests.laws.test_law_3_unsettled_rows import (
    DELAY,
    RECORD,
    SPAN,
    START,
    Commit,
    commits,
    event,
    logged,
    state,
)
from tests.support.builders.changes import SPEC
from transforms.apply.fold import LoggedChange, fold
from transforms.ingest.snapshots import row_events
from transforms.pii import HEADER


def row_read(
    written: list[Commit], made: int, read: int, silent: int | None, *, reading: int = 0
) -> list[LoggedChange]:
    """The row of a job that was made at `made` and came to it at `read`; `silent` is the third
    field's value then.
    """
    seen = [commit for commit in written if commit[0] <= read]
    if not seen:
        return []
    modstamp = floor_to_second(seen[-1][0])
    is_settled = modstamp < floor_to_second(made - DELAY)
    row = PolledRow(RECORD, START + modstamp, is_deleted=False, fields={})
    header = row_events("Thing__c", row, is_settled=is_settled, reading=reading)[0]["payload"][HEADER]
    place = header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"]
    change = logged(SNAPSHOT, None, *place, state(seen))
    return [replace(change, values=(*change.values[:2], silent))]


def last(changes: list[LoggedChange]) -> tuple[object, ...]:
    once = {change.change_order: change for change in changes}
    return tuple(fold(once.values(), SPEC)[-1].values)


times = st.integers(0, SPAN)


@settings(max_examples=200)
@given(commits, times, times, st.integers(0, 6_000), st.randoms(use_true_random=False))
def test_a_record_that_changes_under_a_backfill_is_what_the_org_holds(
    written, made, early, took, chance
) -> None:
    """The stream began before all that the job might not have seen settle."""
    begins = min(early, floor_to_second(max(0, made - DELAY)))
    streamed = [event(number, commit) for number, commit in enumerate(written) if commit[0] >= begins]
    changes = streamed + row_read(written, made, made + took, None)
    chance.shuffle(changes)
    if changes:
        held = state(written)
        assert last(changes)[:2] == (held["a"], held["b"])


@settings(max_examples=200)
@given(commits, times, st.integers(0, 6_000), st.randoms(use_true_random=False))
def test_a_repair_brings_what_changed_without_a_modstamp(written, made, later, chance) -> None:
    """Both readings have one modstamp, which has settled: without a number of its own the second
    one would be a duplicate.
    """
    quiet = [commit for commit in written if floor_to_second(commit[0]) < floor_to_second(made - DELAY)]
    first = row_read(quiet, made, made, 1)
    second = row_read(quiet, made + later, made + later, 2, reading=START + made + later)
    changes = [event(number, commit) for number, commit in enumerate(quiet)] + first + second
    chance.shuffle(changes)
    if second:
        held = state(quiet)
        assert last(changes) == (held["a"], held["b"], 2)


def test_a_reading_without_a_number_of_its_own_would_be_a_duplicate() -> None:
    written = [(0, "a")]
    plain = row_read(written, 9_000, 9_000, 1) + row_read(written, 12_000, 12_000, 2)
    assert len({change.change_order for change in plain}) == 1


@settings(max_examples=100)
@given(commits, times)
def test_an_event_that_comes_after_a_repair_wins(written, made) -> None:
    seen = [commit for commit in written if commit[0] <= made]
    if not seen or len(seen) == len(written):
        return
    repair = row_read(written, made, made, None, reading=START + made)
    streamed = [event(number, commit) for number, commit in enumerate(written)]
    held = state(written)
    assert last(streamed + repair)[:2] == (held["a"], held["b"])
