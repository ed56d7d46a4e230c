"""The engine posts to no address inside its network, whatever a URL or a name says."""

import pytest

from clients.webhook.sender import Sender
from schemas.settings.webhook import WebhookSettings
from tests.support.scripted.receiver import HANGS, Receiver, Reply
from transforms.webhook.answers import Outcome

pytestmark = pytest.mark.service


async def ask(settings: dict[str, object], url: str) -> tuple[Outcome, str]:
    sender = Sender(WebhookSettings.model_validate(settings))
    try:
        sent = await sender.send(url, {}, b"{}")
    finally:
        await sender.close()
    return sent.answer.outcome, sent.answer.reason


async def test_a_name_that_leads_to_this_machine_is_refused_where_it_is_connected_to(
    healthy: Receiver,
) -> None:
    url = healthy.url.replace("127.0.0.1", "localhost")
    outcome, reason = await ask({"allow_http": True}, url)
    assert (outcome, "is no public address" in reason) == (Outcome.FAILED, True)
    assert healthy.messages == []


async def test_an_address_in_an_odd_spelling_is_refused(healthy: Receiver) -> None:
    for host in ("127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
        url = healthy.url.replace("127.0.0.1", host)
        assert (await ask({"allow_http": True}, url))[0] is Outcome.FAILED, host
    assert healthy.messages == []


async def test_plain_http_is_refused_unless_a_setting_allows_it(healthy: Receiver) -> None:
    _, reason = await ask({"networks": ["127.0.0.0/8"]}, healthy.url)
    assert reason == "it does not begin with https://"
    outcome, _ = await ask({"networks": ["127.0.0.0/8"], "allow_http": True}, healthy.url)
    assert (outcome, len(healthy.messages)) == (Outcome.TAKEN, 1)


OURS = {"networks": ["127.0.0.0/8"], "allow_http": True, "timeout": "PT0.3S"}


async def test_a_silent_receiver_is_given_up_after_the_setting(scripted: Receiver) -> None:
    scripted.answers = lambda _: HANGS
    assert await ask(OURS, scripted.url) == (Outcome.FAILED, "it did not answer within 0.3 s")


async def test_nobody_at_an_address_and_an_unknown_name_are_told_apart() -> None:
    _, reason = await ask(OURS, "http://127.0.0.1:1/hook")
    assert reason.startswith("it cannot be reached")
    _, reason = await ask(OURS | {"timeout": "PT30S"}, "http://hooks.invalid/hook")
    assert reason == "its name is not known"


async def test_what_a_receiver_writes_is_in_no_reason(scripted: Receiver) -> None:
    scripted.answers = lambda _: Reply(500, {"X-Why": "ada@example.org"})
    assert await ask(OURS | {"timeout": "PT30S"}, scripted.url) == (Outcome.FAILED, "it answered 500")
