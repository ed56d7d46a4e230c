"""Ten incidents that take seconds, on one engine. `test_…` of the other modules have the rest."""

import json

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.writebacks import discard_all, known_case, submit_one, wait_for_state
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]

LANE = "changes"


def test_a_forgotten_pause_is_named_with_who_and_why_and_ends_with_resume(engine: RunningEngine) -> None:
    paused = engine.tidegate("lane", "pause", LANE, "--by", "release-team", "--reason", "release tonight")
    assert paused.code == 0, str(paused)
    engine.undo.callback(engine.tidegate, "lane", "resume", LANE)

    told = engine.wait_for_problem("lane.paused", LANE)
    assert "release-team" in told.text
    assert "release tonight" in told.text

    assert engine.runbook("a-forgotten-pause", LANE=LANE, REASON="the release is done").code == 0
    engine.wait_until_clean()


def test_paused_writebacks_are_explained_and_wake_nobody(engine: RunningEngine) -> None:
    paused = engine.tidegate("writeback", "pause", "Case", "--by", "release-team", "--reason", "release")
    assert paused.code == 0, str(paused)
    engine.undo.callback(engine.tidegate, "writeback", "resume", "Case")

    told = engine.wait_for_notice("writeback.paused", "Case")
    assert "release-team" in told.text
    assert engine.look().is_clean, "a notice wakes nobody"

    assert engine.runbook("writeback-paused", OBJECT="Case").code == 0
    assert not engine.has_notice("writeback.paused")
    engine.wait_until_clean()


def test_poison_events_are_named_by_their_cause_and_acknowledged(engine: RunningEngine) -> None:
    acknowledge = ("quarantine", "acknowledge", "--because", "broken_message", "--reason", "the test ends")
    engine.undo.callback(engine.tidegate, *acknowledge)
    engine.org.ask("POST", "inject", {"raw": '{"this is": no JSON', "entity": "Case"})

    engine.wait_for_problem("quarantine.waiting", "broken_message")

    assert engine.runbook("poison-events", REASON="nobody can read it").code == 0
    engine.wait_until_clean()


def test_a_disabled_key_is_named_and_clean_when_it_is_enabled(engine: RunningEngine) -> None:
    engine.disable_key()

    told = engine.wait_for_problem("remote.down", "kms")
    assert "disabled" in told.text.lower()
    assert engine.runbook("kms-is-down").code == 1

    engine.enable_key()
    assert engine.runbook("kms-is-down").code == 0
    engine.wait_until_clean()


def test_a_validation_rule_kills_writebacks_until_they_are_retried(engine: RunningEngine) -> None:
    engine.undo.callback(discard_all, engine)
    record, external_id = known_case(engine)
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    engine.org.fault("row", "error", match="Case", code=code, message="Decided cases are closed.")
    number = submit_one(engine, external_id, Subject="by the rule")

    engine.wait_for_problem("writeback.dead", "Case")
    assert code in engine.tidegate("writeback", "list", "--state", "dead").out

    engine.org.clear()
    assert engine.runbook("a-validation-rule", OBJECT="Case").code == 0
    wait_for_state(engine, number, "done")
    assert engine.org.fields_of("Case", record)["Subject"] == "by the rule"
    engine.wait_until_clean()


def test_a_storm_of_dead_letters_stops_when_the_object_is_paused(engine: RunningEngine) -> None:
    engine.undo.callback(discard_all, engine)
    engine.undo.callback(engine.tidegate, "writeback", "resume", "Case")
    cases = [known_case(engine)[1] for _ in range(3)]
    engine.org.fault("row", "error", match="Case", code="INVALID_FIELD_FOR_INSERT_UPDATE", message="No.")
    for external_id in cases[:2]:
        submit_one(engine, external_id, Subject="of the storm")
    engine.wait_for_problem("writeback.dead", "Case")

    assert engine.runbook("a-storm-of-dead-letters", OBJECT="Case", REASON="they all die").code == 0
    number = submit_one(engine, cases[2], Subject="waits")
    assert engine.has_notice("writeback.paused")
    assert wait_for_state(engine, number, "waiting")

    engine.org.clear()
    engine.tidegate("writeback", "resume", "Case")
    engine.tidegate("writeback", "retry", "--object", "Case", "--state", "dead")
    wait_for_state(engine, number, "done")
    engine.wait_until_clean()


def test_a_call_without_an_answer_is_looked_up_and_sent_once(engine: RunningEngine) -> None:
    engine.undo.callback(discard_all, engine)
    record, external_id = known_case(engine)
    engine.org.fault("http", "reset_after", match="PATCH /services/data/v", times=1)
    number = submit_one(engine, external_id, Subject="once")

    wait_for_state(engine, number, "done")
    told = engine.runbook("was-it-sent-twice", NUMBER=str(number))
    assert told.code == 0, str(told)
    assert engine.org.has_struck()
    assert engine.org.fields_of("Case", record)["Subject"] == "once"
    engine.wait_until_clean()


def test_the_org_is_down(engine: RunningEngine) -> None:
    engine.org.fault("http", "status", match="/services", status=503)
    engine.org.fault("http", "status", match="/cometd", status=503)
    engine.org.expire_sessions()

    engine.wait_for_problem("remote.down", "salesforce")
    assert engine.runbook("the-org-is-down").code == 1

    engine.org.clear()
    wait_for(lambda: engine.runbook("the-org-is-down").code == 0, every=1)
    engine.wait_until_clean()


def test_a_hung_backfill_is_named_and_gives_its_place(engine: RunningEngine) -> None:
    engine.org.dial("bulk", hold=True)
    engine.undo.callback(engine.tidegate, "backfill", "cancel", "Account", "--reason", "the test ends")
    started = engine.tidegate("backfill", "start", "Account", "--detach", "--reason", "new field", "--json")
    assert started.code == 0, str(started)

    def stage() -> str:
        return str(json.loads(engine.tidegate("backfill", "show", "Account", "--json").out)["stage"])

    wait_for(lambda: stage() == "reading")
    told = engine.wait_for_problem("backfill.hung", "Account")
    assert told.severity == "ticket"
    assert engine.runbook("a-backfill-hangs", OBJECT="Account", REASON="it hangs").code == 0
    wait_for(lambda: stage() == "cancelled")
    engine.wait_until_clean()


def test_who_did_it_and_what_became_of_a_record_are_answered_while_all_is_well(
    engine: RunningEngine,
) -> None:
    record, _ = engine.org.case()
    wait_for(lambda: engine.runbook("a-record-may-be-wrong", RECORD_ID=record).code == 0)
    assert record in engine.runbook("a-record-may-be-wrong", RECORD_ID=record).out

    engine.tidegate("writeback", "pause", "Case", "--by", "night-shift", "--reason", "too loud")
    engine.tidegate("writeback", "resume", "Case", "--by", "night-shift")
    acts = engine.runbook("who-did-it")
    assert acts.code == 0
    assert "night-shift" in acts.out
    assert engine.look().is_clean
