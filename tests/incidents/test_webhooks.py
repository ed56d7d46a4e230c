"""A receiver that fails, hangs, is gone or refuses a record: the look names its webhook, and
nothing is left, and nothing was lost, when it takes changes again.
"""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.shared import SharedEngine
from tests.incidents.webhooks import (
    LOCAL,
    add_webhook,
    make_old,
    refuse,
    served_receiver,
    shown,
    wait_for_taken,
)
from tests.support.builders.waiting import wait_for
from tests.support.scripted.receiver import BROKEN, HANGS, OK, Receiver, Reply

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[SharedEngine]:
    """An engine that may post to this machine."""
    with SharedEngine(webhook=LOCAL) as shared:
        yield shared


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with served_receiver() as made:
        yield made


def test_a_receiver_that_answers_500_is_named_with_its_answer(
    engine: RunningEngine, receiver: Receiver
) -> None:
    add_webhook(engine, "billing", receiver.url)
    case = refuse(receiver, engine, "billing")

    told = engine.wait_for_problem("webhook.failing", "billing")
    assert "it answered 500" in told.text
    asked = engine.runbook("webhook-failing", NAME="billing")
    assert (asked.code, "it answered 500" in asked.err) == (1, True)

    receiver.answers = lambda _: OK
    assert engine.runbook("webhook-failing", NAME="billing").code == 0
    wait_for_taken(receiver, case)
    engine.wait_until_clean()


def test_a_receiver_that_hangs_is_named_as_one_that_does_not_answer(
    engine: RunningEngine, receiver: Receiver
) -> None:
    add_webhook(engine, "letters", receiver.url)
    case = refuse(receiver, engine, "letters", HANGS)

    told = engine.wait_for_problem("webhook.failing", "letters")
    assert "it did not answer within 2 s" in told.text
    assert engine.runbook("webhook-failing", NAME="letters").code == 1

    receiver.answers = lambda _: OK
    assert engine.runbook("webhook-failing", NAME="letters").code == 0
    wait_for_taken(receiver, case)
    engine.wait_until_clean()


def test_a_receiver_that_answers_410_disables_its_webhook_and_a_resume_goes_on_without_a_gap(
    engine: RunningEngine, receiver: Receiver
) -> None:
    receiver.answers = lambda _: Reply(410)
    add_webhook(engine, "gone", receiver.url)
    case, _ = engine.org.case()

    told = engine.wait_for_problem("webhook.disabled", "gone")
    assert "it answered 410" in told.text

    receiver.answers = lambda _: OK
    assert engine.runbook("webhook-disabled", NAME="gone").code == 0
    wait_for_taken(receiver, case)
    engine.wait_until_clean()


def test_a_record_that_is_refused_for_a_day_is_listed_and_posted_again(
    engine: RunningEngine, receiver: Receiver
) -> None:
    add_webhook(engine, "one-bad", receiver.url)
    bad, _ = engine.org.case()
    wait_for_taken(receiver, bad)
    receiver.answers = lambda message: BROKEN if message.change["id"] == bad else OK
    engine.org.update("Case", bad, Subject="the receiver cannot take this")
    make_old(engine, "one-bad")

    engine.wait_for_problem("webhook.dead", "one-bad")
    listed = engine.runbook("webhook-dead", NAME="one-bad")
    assert (listed.code, bad in listed.out, "it answered 500" in listed.out) == (0, True, True)

    receiver.answers = lambda _: OK
    again = engine.tidegate("webhook", "retry", "one-bad", "--all", "--reason", "their bug is fixed")
    assert again.code == 0, str(again)
    wait_for(lambda: len(receiver.taken_of(bad)) == 2)
    wait_for(lambda: shown(engine, "one-bad")["dead"] == 0, every=0.5)
    engine.wait_until_clean()


def test_a_forgotten_pause_of_a_webhook_is_explained_and_wakes_nobody(
    engine: RunningEngine, receiver: Receiver
) -> None:
    add_webhook(engine, "paused", receiver.url)
    paused = engine.tidegate("webhook", "pause", "paused", "--by", "release-team", "--reason", "release")
    assert paused.code == 0, str(paused)
    case, _ = engine.org.case()

    told = engine.wait_for_notice("webhook.paused", "paused")
    assert "release-team" in told.text
    assert engine.look().is_clean, "a notice wakes nobody"

    assert engine.runbook("webhook-paused", NAME="paused").code == 0
    wait_for_taken(receiver, case)
    assert not engine.has_notice("webhook.paused")
    engine.wait_until_clean()
