"""The org changes its mind: credentials, permissions, limits, memory and locks."""

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.writebacks import (
    age_writeback,
    discard_all,
    freeze_under_way,
    known_case,
    shown,
    submit_one,
    wait_for_state,
)
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]

LANE = "changes"


def test_refused_credentials_pause_the_lane(engine: RunningEngine) -> None:
    engine.undo.callback(engine.tidegate, "lane", "resume", LANE)
    engine.change_secret("rotated")
    engine.restart_workers("lanes")

    told = engine.wait_for_problem("lane.paused", LANE)
    assert "credentials" in told.text

    engine.change_secret(engine.endpoints.salesforce.client_secret)
    engine.restart_workers("lanes")
    assert engine.runbook("credentials-refused", LANE=LANE, REASON="corrected").code == 0
    engine.wait_until_clean()


def test_a_refused_login_is_named_while_the_stream_goes_on(engine: RunningEngine) -> None:
    engine.undo.callback(engine.tidegate, "lane", "resume", LANE)
    known_case(engine)  # the stream is open: one that cannot be opened pauses its lane
    engine.org.fault("http", "status", match="/services/oauth2", status=400)
    engine.org.fault("http", "status", match="/services/data/v", status=401)

    engine.wait_for_problem("login.refused", "salesforce")
    refused = engine.runbook("login-refused")
    assert refused.code == 1, str(refused)

    engine.org.clear()
    wait_for(lambda: engine.runbook("login-refused").code == 0, every=1)
    # A stream that ended meanwhile could not log in again; on a slow machine it may have.
    engine.tidegate("lane", "resume", LANE)
    engine.wait_until_clean()


def test_outcomes_that_nobody_can_look_up_are_named_and_found_later(engine: RunningEngine) -> None:
    engine.undo.callback(discard_all, engine)
    record, external_id = known_case(engine)
    # The call hangs, and the process that would look it up stands still.
    engine.org.fault("http", "latency", match="PATCH /services/data/v", seconds=3_600)
    number = submit_one(engine, external_id, Subject="unknown")
    wait_for(engine.org.has_struck, every=0.2)
    frozen = freeze_under_way(engine)

    engine.wait_for_problem("writeback.unknown", "Case")
    assert engine.runbook("writeback-unknown", OBJECT="Case").code == 0

    engine.org.clear()
    engine.thaw_worker(frozen)
    wait_for_state(engine, number, "done")
    assert engine.org.fields_of("Case", record)["Subject"] == "unknown"
    engine.wait_until_clean()


def test_a_lost_permission_pauses_the_lane(engine: RunningEngine) -> None:
    engine.undo.callback(engine.tidegate, "lane", "resume", LANE)
    engine.org.permit(view_all_data=False)
    engine.org.expire_sessions()

    engine.wait_for_problem("lane.paused", LANE)

    engine.org.permit(view_all_data=True)
    assert engine.runbook("a-permission-is-missing", LANE=LANE, REASON="given back").code == 0
    engine.wait_until_clean()


def test_locked_rows_make_writebacks_late_and_pass(engine: RunningEngine) -> None:
    engine.undo.callback(discard_all, engine)
    record, external_id = known_case(engine)
    code = "UNABLE_TO_LOCK_ROW"
    engine.org.fault("row", "error", match="Case", code=code, message="unable to obtain exclusive access")
    number = submit_one(engine, external_id, Subject="locked")
    wait_for(lambda: code in str(shown(engine, number)["tried"]), every=0.5)
    age_writeback(engine, number)

    engine.wait_for_problem("writeback.late", "Case")
    # At the moment of a try it does not wait.
    wait_for(lambda: str(number) in engine.runbook("locked-rows", OBJECT="Case").out, every=0.5)

    engine.org.clear()
    wait_for_state(engine, number, "done", seconds=300)  # the tries come more and more rarely
    assert engine.org.fields_of("Case", record)["Subject"] == "locked"
    engine.wait_until_clean()


def test_a_forgotten_position_is_read_again_by_itself(engine: RunningEngine) -> None:
    engine.stop_worker("lanes")
    record, _ = engine.org.case(Subject="in the hole")
    engine.org.ask("POST", "retention", {"seconds": 0})
    engine.org.ask("POST", "retention", {"seconds": 86_400})
    engine.start_worker("lanes")

    engine.wait_for_notice("reread.waiting", "Case")
    wait_for(lambda: "lane.hole" in engine.runbook("the-event-bus-has-forgotten-the-position").out, every=1)
    # The hole is read once everything up to its end can be seen, by the org's clock.
    engine.org.ask("POST", "clock", {"advance_seconds": 30})
    wait_for(lambda: engine.tidegate("trace", record).code == 0, every=1)
    wait_for(lambda: not engine.open_rereads(), every=1)
    engine.wait_until_clean()


def test_a_lowered_limit_is_refused_by_the_governor_and_seen_within_a_reading(engine: RunningEngine) -> None:
    used = engine.org.ask("GET", "meters")["api_calls"]["used"]
    before = engine.org.ask("GET", "meters")["api_calls"]["maximum"]
    engine.org.meter("api_calls", maximum=used + 5)

    engine.wait_for_problem("budget.refused", "api_calls")
    # A governor that is slow to answer shows no budget.
    wait_for(lambda: f"{used + 5:,}" in engine.runbook("the-orgs-limit-was-lowered").out, every=0.5)

    engine.org.meter("api_calls", maximum=before)
    engine.wait_until_clean()


def test_spent_delivered_events_are_named_with_the_lane_that_waits(engine: RunningEngine) -> None:
    most = engine.org.ask("GET", "meters")["delivered_events"]["maximum"]
    # The org itself would still deliver: once it refuses, the governor waits for a quarter of an
    # hour.
    engine.org.meter("delivered_events", used=1_000_000, maximum=1_030_000)
    engine.undo.callback(engine.restart_lane, LANE)

    engine.wait_for_problem("budget.refused", "delivered_events")
    engine.restart_workers("lanes")  # the present one holds tokens for a while
    engine.wait_for_notice("lane.waiting", LANE)
    assert "delivered_events" in engine.runbook("delivered-events-are-spent").out

    engine.org.meter("delivered_events", maximum=most)
    engine.restart_lane(LANE)
    wait_for(lambda: not engine.has_notice("lane.waiting"))
    engine.wait_until_clean()


def test_a_noisy_neighbour_is_told_from_ourselves(engine: RunningEngine) -> None:
    """The last of the module: what it has spent stays in the forecast for an hour."""
    most = engine.org.ask("GET", "meters")["api_calls"]["maximum"]
    engine.org.ask("POST", "neighbour", {"calls_per_minute": 600})
    engine.org.later(lambda: engine.org.ask("DELETE", "neighbour"))
    engine.org.meter("api_calls", used=most // 2)

    engine.wait_for_problem("budget.exhausts", "api_calls")
    assert "others" in engine.runbook("another-application-spends-the-calls").out

    engine.org.ask("DELETE", "neighbour")
    engine.org.meter("api_calls", used=0, maximum=most * 1_000)
    engine.wait_until_clean()
