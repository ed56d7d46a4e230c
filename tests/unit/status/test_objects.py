"""An object's line, and what a lane has landed that is not applied."""

from datetime import timedelta
from typing import Any

from schemas.status import LaneState, LaneStatus
from schemas.status_facts import Hold, LaneBacklog, LanePosition, ObjectLedger
from tests.unit.status.looks import NOTHING, NOW, ago, look
from transforms.status.objects import oldest_by_object, with_backlog


def lane(**changed: Any) -> LaneStatus:
    return LaneStatus.model_validate({"lane": "changes", "state": LaneState.QUIET} | changed)


def waits(name: str = "changes", *, batches: int = 2, **objects: float) -> LaneBacklog:
    """Minutes by object."""
    since = {each: ago(minutes=minutes) for each, minutes in objects.items()}
    return LaneBacklog(lane=name, batches=batches, changes=9, oldest_at=min(since.values()), objects=since)


def landed(**changed: Any) -> LanePosition:
    told = {"lane": "changes", "position": "7", "received_at": ago(minutes=2), "changed_at": ago(minutes=3)}
    return LanePosition.model_validate(told | changed)


def test_an_objects_oldest_change_is_the_oldest_of_all_lanes() -> None:
    found = oldest_by_object([waits("a", Case=3, Account=1), waits("b", Case=5), waits("c", Case=4)])
    assert found == {"Case": ago(minutes=5), "Account": ago(minutes=1)}


def test_every_object_that_anything_is_known_of_has_a_line_by_name() -> None:
    ledger = ObjectLedger(
        object="Task",
        landed=1,
        applied=1,
        duplicate=0,
        quarantined=0,
        imbalance=0,
        newest_change_at=ago(minutes=9),
        changes_per_minute=4.5,
        freshness_p50=timedelta(seconds=1),
        freshness_p95=timedelta(seconds=2),
        freshness_p99=timedelta(seconds=3),
        freshness_max=timedelta(seconds=4),
    )
    holds = (Hold(object="Account", reason="too many", since=NOW),)
    facts = NOTHING.model_copy(update={"ledger": (ledger,), "holds": holds})
    account, case, task = look(warehouse=facts, backlog=(waits(Case=1),)).objects
    assert (account.object, account.held, account.changes_per_minute) == ("Account", "too many", None)
    assert (case.object, case.oldest_unapplied_at, case.newest_change_at) == ("Case", ago(minutes=1), None)
    assert (task.object, task.changes_per_minute, task.newest_change_at) == ("Task", 4.5, ago(minutes=9))
    spread = (task.freshness_p50, task.freshness_p95, task.freshness_p99, task.freshness_max)
    assert [each.total_seconds() for each in spread if each] == [1, 2, 3, 4]


def test_a_lane_shows_what_waits_nothing_when_nothing_does_and_unknown_when_nobody_said() -> None:
    def shown(backlog: tuple[LaneBacklog, ...] | None) -> tuple[Any, ...]:
        (found,) = with_backlog([lane()], backlog, ())
        return found.unapplied_batches, found.unapplied_changes, found.oldest_unapplied_at

    assert shown((waits(Case=4),)) == (2, 9, ago(minutes=4))
    assert shown((waits("other", Case=4),)) == (0, 0, None)
    assert shown(None) == (None, None, None)


def test_the_ledgers_position_stands_in_where_the_lane_has_none() -> None:
    def shown(told: LaneStatus, *positions: LanePosition) -> tuple[Any, ...]:
        (found,) = with_backlog([told], (waits(Case=4),), positions)
        assert found.unapplied_batches == 2
        return found.position, found.position_at, found.received_at

    assert shown(lane(), landed()) == ("7", ago(minutes=3), ago(minutes=2))
    own = {"position": "9", "position_at": ago(minutes=1), "received_at": ago(minutes=1)}
    assert shown(lane(**own), landed()) == ("9", ago(minutes=1), ago(minutes=1))
    older = own | {"received_at": ago(minutes=5)}
    assert shown(lane(**older), landed()) == ("9", ago(minutes=1), ago(minutes=2))
    assert shown(lane(), landed(lane="other")) == ("", None, None)
