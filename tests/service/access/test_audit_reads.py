"""Acts that are looked for in the audit log: by time, person and kind, page by page."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.audit import AuditActivities
from clients.database.audit_chain import BEFORE_FIRST
from clients.database.audit_log import AuditLog, append_new_act
from tests.support.builders.anchors import AT, act

pytestmark = pytest.mark.service


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    """Five acts, a second between them; the fourth by somebody else."""
    with closing(AuditLog(database)) as opened:
        opened.ensure_tables()
        assert opened.head() == (0, BEFORE_FIRST)
        for number, what in enumerate(("lane.pause", "lane", "lanes.x", "lane_pause", "budget"), start=1):
            assert opened.append(act(number, by="eve" if number == 4 else "ada", what=what)) == number
        yield opened


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"since": at(3)}, [3, 4, 5]),
        ({"since": at(3.001)}, [4, 5]),
        ({"until": at(3)}, [1, 2]),
        ({"until": at(3.001)}, [1, 2, 3]),
        ({"since": at(2), "until": at(4)}, [2, 3]),
        ({"by": "eve"}, [4]),
        ({"by": "nobody"}, []),
        ({"by": "ada", "until": at(2)}, [1]),
        ({"act": "lane"}, [1, 2]),
        ({"act": "lane.pause"}, [1]),
        ({"act": "l%"}, []),
        ({"act": "lan_"}, []),
    ],
)
def test_acts_are_found_by_time_person_and_kind(log: AuditLog, asked: dict, numbers: list[int]) -> None:
    found = log.find(**asked)
    assert [number for number, _ in found] == numbers
    assert [each.detail for _, each in found] == [f"reason {number}" for number in numbers]


def test_pages_go_from_the_newest_act_to_the_first_and_none_comes_twice(log: AuditLog) -> None:
    assert [number for number, _ in log.page(2)] == [5, 4]
    assert [number for number, _ in log.page(2, before=4)] == [3, 2]
    assert [number for number, _ in log.page(2, before=2)] == [1]
    assert log.page(2, before=1) == []


def test_a_walk_goes_on_after_the_row_that_is_named(log: AuditLog) -> None:
    with log.walk(after=3) as rows:
        found = list(rows)
    assert [row.number for row in found] == [4, 5]
    assert (found[-1].number, found[-1].hash) == log.head()


def test_an_act_is_new_once(log: AuditLog) -> None:
    with log.transaction() as connection:
        assert [append_new_act(connection, act(number)) for number in (6, 6, 7, 6)] == [
            True, False, True, False
        ]  # fmt: skip
    assert log.head()[0] == 7


async def test_an_act_that_a_workflow_records_has_no_author_who_is_proven(log: AuditLog) -> None:
    record = AuditActivities(log).record_act
    assert await ActivityEnvironment().run(record, act(6)) == 6
    assert await ActivityEnvironment().run(record, act(6)) == 6
    (_, kept) = log.page(1)[0]
    assert (kept.by, kept.detail) == ("ada", "reason 6")
    assert kept.origin is None or not kept.origin.verified
