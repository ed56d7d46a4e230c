"""A writeback's own change is distinguished from every other change of its record."""

from datetime import UTC, datetime, timedelta

import pytest

from transforms.writeback.echo import Returned, Unechoed, batch_of_origin, came_from, echo_of

SENT = datetime(2026, 11, 25, 12, 0, 0, 500_000, tzinfo=UTC)
US = "005000000000001AAA"
WRITEBACK = Unechoed(7, "7.1", "500A", SENT, SENT + timedelta(seconds=2))
REST = "com/salesforce/api/rest/67.0;client=tidegate-"
BULK = "com/salesforce/api/bulkapi/67.0"


def change(*, after: float = 1, whole: bool = False, user: str = US, origin: str = "") -> Returned:
    at = SENT + timedelta(seconds=after)
    return Returned(at, at + timedelta(seconds=5), whole, user, origin)


@pytest.mark.parametrize(
    ("returned", "is_echo"),
    [
        (change(origin=f"{REST}7.1"), True),
        (change(origin=f"{REST}7.1", user="005other"), True),
        (change(origin=f"{REST}7.10"), False),
        (change(origin=f"{REST}8.0"), False),
        (change(origin="com/salesforce/api/rest/67.0;client=another"), False),
        (change(origin=f"{REST}7.1", after=-1), False),
        (change(origin=f"{REST}7.1", after=-0.5), True),
        (change(user="005other", whole=True, after=2), False),
        (change(origin=BULK), True),
        (change(origin=BULK, user="005other"), False),
        (change(user=US[:15], whole=True), True),
        (change(user="005other", whole=True), False),
        (change(user="005other", whole=True, after=3), True),
        (change(user=US), False),
    ],
)
def test_a_change_is_the_echo_or_is_not(returned: Returned, is_echo: bool) -> None:
    assert (echo_of(WRITEBACK, [returned], US) is not None) == is_echo


def test_the_first_time_that_it_came_counts() -> None:
    found = echo_of(WRITEBACK, [change(origin=f"{REST}7.1", after=1), change(whole=True, after=60)], US)
    assert found == SENT + timedelta(seconds=6)


def test_a_client_is_told_from_one_whose_name_begins_alike() -> None:
    assert came_from(f"{REST}7.1;more", "tidegate-7.1")
    assert not came_from(f"{REST}7.11", "tidegate-7.1")


def test_of_a_user_that_is_not_known_only_the_clients_name_tells() -> None:
    assert echo_of(WRITEBACK, [change(origin=BULK, user=""), change(whole=True, user="")], "") is None
    assert echo_of(WRITEBACK, [change(origin=f"{REST}7.1", user="")], "") is not None


def test_an_origin_names_the_batch_of_ours_or_none() -> None:
    assert batch_of_origin(f"{REST}7.1;more") == "7.1"
    assert batch_of_origin("com/salesforce/api/rest/67.0;client=another") is None
    assert batch_of_origin("") is None
