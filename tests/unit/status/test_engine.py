"""The engine's status as a whole: what could not be asked is never good."""

from typing import Any

from cli.status.command import exit_code
from schemas.read_copy.status_facts import CopyFacts
from schemas.status import Health
from schemas.status_facts import (
    LaneFacts,
    LaneMemo,
    WarehouseFacts,
)
from schemas.writeback.status_facts import WritebackFacts, WritebackStanding
from tests.unit.status.looks import NOTHING, ago, look, remotes, roles


def test_an_engine_that_is_well_has_no_problem_and_nothing_unknown():
    found = look()
    assert (found.problems, found.unknown, exit_code(found)) == ((), (), 0)
    assert (found.roles, found.remotes) == (roles(), remotes())


def test_what_could_not_be_asked_is_named_and_never_ends_well():
    found = look(warehouse=NOTHING.model_copy(update={"quality": None}))
    assert (found.unknown, exit_code(found)) == (("quality",), 3)


def test_each_part_that_was_not_answered_is_named():
    silent = dict.fromkeys(
        ("roles", "lanes", "backlog", "writebacks", "governor", "failed_runs", "stuck_erasures", "backfills")
    )
    found = look(**silent, warehouse=None, copied=CopyFacts(is_set=True))
    assert found.unknown == (
        *("roles", "lanes", "backlog", "writebacks", "budgets", "read copy"),
        *("backfills", "erasures", "running backfills", *WarehouseFacts.model_fields),
    )
    assert [(each.role, each.health) for each in found.roles] == [
        (role, Health.UNKNOWN) for role in ("lanes", "batches", "writebacks", "backfill")
    ]
    assert (found.writebacks, found.budgets) == (None, None)


def test_a_lane_of_which_temporal_says_nothing_is_named_as_unknown():
    lanes = (LaneFacts(lane="a", is_running=None), LaneFacts(lane="b", is_running=False))
    assert look(lanes=lanes).unknown == ("lane a",)


def test_lanes_of_the_settings_are_shown_by_them_and_unknown_while_temporal_is_silent():
    configured = (("a", "poll", "Case"), ("b", "stream", "/data/ChangeEvents"))

    def shown(**facts: Any) -> list[tuple[str, str, str, str]]:
        lanes = look(configured=configured, **facts).lanes
        return [(each.lane, str(each.state), each.way, each.channel) for each in lanes]

    assert shown(lanes=None) == [
        ("a", "unknown", "poll", "Case"),
        ("b", "unknown", "stream", "/data/ChangeEvents"),
    ]
    own = LaneFacts(lane="b", is_running=False, memo=LaneMemo(channel="/data/CaseChangeEvent"))
    other = LaneFacts(lane="c", is_running=False)
    assert shown(lanes=(LaneFacts(lane="a", is_running=False), own, other)) == [
        ("a", "not started", "poll", "Case"),
        ("b", "not started", "stream", "/data/CaseChangeEvent"),
        ("c", "not started", "stream", ""),
    ]


def test_writebacks_are_added_up_over_all_objects():
    rows = [
        WritebackStanding(object=name, waiting=n, open=9, held=n, dead=n, oldest_waiting_at=oldest)
        for n, (name, oldest) in enumerate({"A": None, "B": ago(minutes=1), "C": ago(minutes=2)}.items(), 1)
    ]
    found = look(writebacks=WritebackFacts(standings=tuple(rows), pauses=())).writebacks
    assert found is not None
    assert (found.waiting, found.held, found.dead, found.oldest_waiting_at) == (6, 6, 6, ago(minutes=2))
    empty = look().writebacks
    assert empty is not None
    assert (empty.waiting, empty.oldest_waiting_at) == (0, None)


def test_a_page_outweighs_what_is_unknown():
    assert exit_code(look(warehouse=None, remotes=remotes(warehouse=Health.UNKNOWN))) == 2
