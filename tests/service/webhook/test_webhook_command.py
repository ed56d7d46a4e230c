"""`tidegate webhook`: what an operator types, and what it says."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from clients.storage.objects import S3Address
from schemas.errors import ActRefusedError, SettingsError
from tests.service.webhook.test_deliveries import cases, has_taken, step
from tests.support.command_line import answer, command, settings_file_of
from tests.support.engines.webhooks import WebhookEngine
from tests.support.scripted.receiver import Receiver

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture
def settings(
    hooks: WebhookEngine, database: str, temporal_address: str, s3_address: S3Address, tmp_path: Path
) -> Path:
    local: dict[str, Any] = {"allow_http": True, "networks": ["127.0.0.0/8"]}
    return settings_file_of(
        tmp_path, org=hooks.org, database=database, temporal=temporal_address, s3=s3_address, webhook=local
    )


async def test_a_webhook_that_is_added_by_the_command_delivers_signed_changes(
    hooks: WebhookEngine, healthy: Receiver, settings: Path
) -> None:
    made = await answer(settings, "webhook", "add", "billing", healthy.url, "--object", "Case", "--by", "ada")
    assert (await answer(settings, "webhook", "test", "billing"))["taken"]
    assert Webhook(made["secret"]).verify(healthy.messages[0].body, healthy.messages[0].headers)
    await hooks.apply(*(step(each, 0) for each in cases(3)))
    await has_taken(healthy, 4)
    [listed] = await answer(settings, "webhook", "list")
    assert (listed["webhook"]["name"], listed["held"], listed["dead"]) == ("billing", 0, 0)
    assert "billing" in (await command(settings, "webhook", "list")).stdout


async def test_a_replay_names_a_time_and_posts_what_was_applied_since(
    hooks: WebhookEngine, healthy: Receiver, settings: Path
) -> None:
    await hooks.apply(*(step(each, 0) for each in cases(3)))
    await answer(settings, "webhook", "add", "late", healthy.url, "--object", "Case")
    why = ("--reason", "it was down")
    await answer(settings, "webhook", "replay", "late", "--after", "2026-01-01", *why)
    await has_taken(healthy, 3)
    await answer(settings, "webhook", "pause", "late", *why)
    await answer(settings, "webhook", "resume", "late", *why)
    await answer(settings, "webhook", "rotate", "late", "--hours", "1", *why)
    await answer(settings, "webhook", "remove", "late", *why)
    acts = [act.act for _, act in await asyncio.to_thread(hooks.audit.rows)]
    told = ("add", "replay", "pause", "resume", "rotate", "remove")
    assert acts == [f"webhook.{act}" for act in told]


async def test_what_cannot_be_is_refused_with_the_option_that_is_wrong(
    healthy: Receiver, settings: Path
) -> None:
    add = ("webhook", "add", "x", healthy.url, "--object")
    for words, told in (
        ((*add, "Nothing__c"), "--object: Nothing__c is no object"),
        ((*add, "Case", "--decrypt", "Case.Status"), "--decrypt: Case.Status is no protected field"),
        ((*add, "Case", "--after", "soon"), "--after: it is no cursor"),
        (("webhook", "add", "x", "https://10.0.0.1/", "--object", "Case"), "URL: 10.0.0.1 is no public"),
        (("webhook", "pause", "nobody"), "There is no webhook nobody"),
        (("webhook", "retry", "nobody"), "Say which dead letters"),
    ):
        with pytest.raises(SettingsError, match=told.replace(".", r"\.")):
            await command(settings, *words)
    await answer(settings, *add, "Case")
    with pytest.raises(ActRefusedError, match="There is a webhook x"):
        await command(settings, *add, "Case")
