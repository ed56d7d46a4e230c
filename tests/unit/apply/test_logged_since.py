"""From when on the log can have a change: the bound never hides one that was applied."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from transforms.apply.logged_since import CLOCK_ROOM, logged_since

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    changes=st.lists(TIMES, min_size=1), now=TIMES, since=st.timedeltas(timedelta(0), timedelta(days=3_650))
)
def test_no_change_was_applied_before_the_bound(
    changes: list[datetime], now: datetime, since: timedelta
) -> None:
    """A change is applied `since` before now, and not earlier than its commit unless it lies
    ahead.
    """
    bound = logged_since(min(changes), now, latest=max(changes))
    for changed_at in changes:
        applied_at = now - since if changed_at > now + CLOCK_ROOM else max(changed_at, now - since)
        assert applied_at >= bound


def test_a_change_of_a_year_ago_is_looked_for_since_a_year_ago() -> None:
    now = datetime(2026, 9, 21, tzinfo=UTC)
    assert logged_since(now - timedelta(days=365), now) == now - timedelta(days=365) - CLOCK_ROOM


def test_a_change_no_further_ahead_than_clocks_differ_has_a_bound_and_one_beyond_has_none() -> None:
    now = datetime(2026, 9, 21, tzinfo=UTC)
    at_most, beyond = now + CLOCK_ROOM, now + CLOCK_ROOM + timedelta(microseconds=1)
    assert logged_since(now, now, latest=at_most) == now - CLOCK_ROOM
    assert logged_since(now, now, latest=beyond) == datetime(1970, 1, 1, tzinfo=UTC)
