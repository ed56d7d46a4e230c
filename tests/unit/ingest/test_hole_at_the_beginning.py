"""A lane that has landed nothing has no position that the bus could refuse."""

from datetime import UTC, datetime, timedelta

from activities.repair.retention_gap import may_have_missed
from schemas.ids import ORIGIN
from schemas.ingest.messages import FollowInput
from schemas.salesforce.limits import EVENT_RETENTION

BEGAN = datetime(2026, 9, 21, tzinfo=UTC)


def request(began_at: datetime | None) -> FollowInput:
    return FollowInput(
        org="o", lane="changes", channel="/data/X", position=ORIGIN, first_replay=-2, began_at=began_at
    )


def test_a_lane_that_began_before_the_retention_may_have_missed_events():
    assert may_have_missed(request(BEGAN), BEGAN + EVENT_RETENTION)


def test_a_lane_within_the_retention_has_missed_nothing():
    assert not may_have_missed(request(BEGAN), BEGAN + EVENT_RETENTION - timedelta(hours=2))


def test_a_request_of_a_release_that_kept_no_beginning_is_followed_as_before():
    assert not may_have_missed(request(None), BEGAN + EVENT_RETENTION)
