"""A run's name is derived in one place: the same question has the same name at every door, another
question another one.
"""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, product

import pytest

from api.routes.backfills import BackfillRequest
from api.routes.reconciliations import ReconciliationRequest
from api.routes.replays import ReplayRequest
from schemas.backfill import BackfillInput
from schemas.reconcile import Depth, ReconcileInput
from schemas.replay import QuarantineChoice, ReplaySelection
from schemas.run_names import (
    again_name,
    backfill_name,
    id_list,
    id_list_name,
    reconcile_name,
    refresh_name,
    replay_name,
    time_window_name,
)

DAY = datetime(2026, 11, 1, tzinfo=UTC)
WEEK = DAY, DAY + timedelta(days=7)
AN_ID = "001Tg0000000abCIAQ"


@pytest.mark.parametrize(
    ("since", "until", "name"),
    [
        (None, None, "all"),
        (*WEEK, "2026-11-01..2026-11-08"),
        (DAY + timedelta(hours=10), None, "2026-11-01T10:00:00Z..now"),
        (None, DAY, "origin..2026-11-01"),
        (DAY.astimezone(timezone(timedelta(hours=9))), None, "2026-11-01..now"),
        (DAY + timedelta(microseconds=5), None, "2026-11-01T00:00:00.000005Z..now"),
    ],
)
def test_a_time_window_is_spelled_in_one_way(
    since: datetime | None, until: datetime | None, name: str
) -> None:
    assert time_window_name(since, until) == name
    assert BackfillInput(org="o", object="Case", window=name).window == name


def test_a_list_of_ids_has_one_name_whatever_its_order() -> None:
    others = "001Tg0000000abDIAQ", AN_ID, "001Tg0000000abDIAQ"
    assert id_list(others) == json.dumps([AN_ID, "001Tg0000000abDIAQ"], separators=(",", ":")).encode()
    assert id_list_name(id_list(others)) == id_list_name(id_list(reversed(others)))
    assert re.fullmatch("ids-[0-9a-f]{12}", id_list_name(id_list(others)))
    assert id_list_name(id_list(others)) != id_list_name(id_list([AN_ID]))


def test_the_api_names_a_backfill_as_the_command_does() -> None:
    body = BackfillRequest(object="Case", since=WEEK[0], until=WEEK[1])
    assert body.derived_window() == backfill_name(*WEEK) == "2026-11-01..2026-11-08"
    by_ids = BackfillRequest(object="Account", ids=(AN_ID,))
    assert by_ids.derived_window() == backfill_name(None, None, id_list([AN_ID]))


def test_the_api_names_a_reconciliation_as_the_command_does() -> None:
    body = ReconciliationRequest(object="Case", depth=Depth.FIELDS, repairs=False)
    assert body.derived_window() == reconcile_name(None, None, Depth.FIELDS, repairs=False)
    assert body.derived_window() == "all.fields.no-repair"


def test_the_api_names_a_replay_as_the_command_does() -> None:
    body = ReplayRequest(lane="changes", since=DAY)
    selection = ReplaySelection(org="o", lane="changes", since=DAY)
    assert body.derived_window() == replay_name(selection) == "changes,2026-11-01..now"


def test_every_question_of_a_reconciliation_has_a_name_of_its_own() -> None:
    questions = product((None, DAY), (None, WEEK[1]), Depth, (True, False), (True, False))
    names = [
        reconcile_name(since, until, depth, repairs=repairs, checks_log=checks)
        for since, until, depth, repairs, checks in questions
    ]
    assert all(one != other for one, other in combinations(names, 2))
    assert {ReconcileInput(org="o", object="Case", window=name).window for name in names} == set(names)
    # The names of schedules: their ids are stored.
    assert not set(names) & {"buckets", "ids"}


def test_another_refresh_has_another_name_that_fits_its_message() -> None:
    many = tuple(f"Field_{number}__c" for number in range(30))
    names = [
        refresh_name(fields, is_whole=whole)
        for fields in ((), ("A__c",), ("A__c", "B__c"), many)
        for whole in (False, True)
    ]
    assert names[0] == "calculated"
    assert refresh_name(("B__c", "A__c"), is_whole=False) == "A__c+B__c"
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._:+-]{0,79}", name) for name in names)


def test_a_replay_of_quarantine_is_named_by_its_choice() -> None:
    choice = QuarantineChoice(batch="changes/40")
    assert replay_name(ReplaySelection(org="o", quarantine=choice)) == "quarantine-changes.40"


def test_asked_again_it_has_another_name_that_a_backfill_can_have() -> None:
    again = again_name(backfill_name(*WEEK), DAY)
    assert again == "2026-11-01..2026-11-08+20261101T000000"
    assert BackfillInput(org="o", object="Case", window=again).window == again
