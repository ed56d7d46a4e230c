"""A message: a signature that the library of the standard verifies, and no protected
value beyond its scope.
"""

import asyncio
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.service.webhook.test_deliveries import cases, has_taken, step
from tests.support.engines.applied_records import changed, record_id
from tests.support.engines.webhooks import ADA, WebhookEngine
from tests.support.scripted.receiver import Message, Receiver

pytestmark = [pytest.mark.service, pytest.mark.slow]


def is_signed(secret: str, message: Message) -> bool:
    try:
        Webhook(secret).verify(message.body, message.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_the_library_of_the_standard_verifies_every_message(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    secret = await hooks.add("signed", healthy.url)
    await hooks.apply(*(changed("Case", each, 0, "CREATE", Subject="Grüße, 東京") for each in cases(5)))
    await has_taken(healthy, 5)
    assert [is_signed(secret, each) for each in healthy.messages] == [True] * 5
    assert healthy.messages[0].headers["content-type"] == "application/json"
    assert not is_signed("whsec_" + "A" * 44, healthy.messages[0])


async def first_signed_by(hooks: WebhookEngine, receiver: Receiver, secret: str) -> Message:
    """Have changes posted until one is signed by this secret: a delivery under way hears of it
    within a second.
    """
    [case] = cases(1)
    begun = len(receiver.messages)
    for second in range(begun, begun + 600):
        await hooks.apply(step(case, second))
        await has_taken(receiver, second + 1)
        if is_signed(secret, receiver.messages[-1]):
            return receiver.messages[-1]
        await asyncio.sleep(0.1)
    raise AssertionError("no message is signed by the secret")


async def test_during_a_rotation_both_secrets_verify_and_after_it_the_new_one_alone(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    first = await hooks.add("rotated", healthy.url)
    made = await asyncio.to_thread(hooks.control.rotate, "rotated", ADA, timedelta(hours=1))
    assert made is not None
    assert is_signed(first, await first_signed_by(hooks, healthy, made[1]))
    last = await asyncio.to_thread(hooks.control.rotate, "rotated", ADA, timedelta(0))
    assert last is not None
    message = await first_signed_by(hooks, healthy, last[1])
    assert [is_signed(each, message) for each in (first, made[1])] == [False, False]


async def test_no_secret_is_stored_or_logged_in_plaintext(hooks: WebhookEngine, healthy: Receiver) -> None:
    secret = await hooks.add("sealed", healthy.url)
    with hooks.audit.transaction() as connection:
        rows = [
            str(tuple(row))
            for table in ("webhook", "audit_log")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        ]
    assert rows
    assert [row for row in rows if secret.removeprefix("whsec_") in row] == []


async def test_a_message_is_the_change_as_the_feed_shows_it(hooks: WebhookEngine, healthy: Receiver) -> None:
    await hooks.add("shown", healthy.url, ["Contact"])
    contact = record_id("003", 1)
    await hooks.apply(
        changed("Contact", contact, 5, "CREATE", Email="x@example.org", AccountId=record_id("001", 9))
    )
    await has_taken(healthy, 1)
    [message] = healthy.messages
    assert message.content["type"] == "Contact.create"
    assert message.content["timestamp"] == message.change["changed_at"]
    assert (message.change["id"], message.change["object"]) == (contact, "Contact")
    assert message.change["fields"]["AccountId"] == record_id("001", 9)
    assert "Email" in message.change["withheld"]
    assert b"example.org" not in message.body
    assert b"tg1" not in message.body


async def test_protected_fields_of_the_scope_come_in_plaintext_and_their_reading_is_on_record_before(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("opened", healthy.url, ["Contact"], ["Contact.Email"])
    contact = record_id("003", 2)
    await hooks.apply(changed("Contact", contact, 5, "CREATE", Email="x@example.org", Phone="555-0100"))
    await has_taken(healthy, 1)
    [message] = healthy.messages
    assert message.change["fields"]["Email"] == "x@example.org"
    assert "Phone" in message.change["withheld"]
    found = [act for _, act in await asyncio.to_thread(hooks.audit.rows) if act.act != "webhook.add"]
    assert [(act.by, act.detail) for act in found] == [
        ("the engine", f"values of Email, to the webhook opened: {contact}")
    ]
