"""Webhooks: add, look at, steer and remove them."""

import asyncio
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import ProblemError, invalid, not_found
from api.routes.records.access import Asking
from api.routes.webhooks.models import (
    ChosenLetters,
    DeadLetters,
    LettersChanged,
    NewWebhook,
    Replayed,
    Rotation,
    Trial,
    Webhooks,
    WebhookSecret,
)
from api.runs.models import Reason
from clients.webhook.control import Author
from schemas.errors import ActRefusedError
from schemas.security.access import Caller, CallerRole
from schemas.security.reason import GivenReason
from schemas.webhook.messages import WebhookState, WebhookView
from transforms.webhook.answers import Outcome
from workers.webhook.control import (
    WrongWebhookError,
    checked_records,
    checked_url,
    places,
    send_trial,
    started,
)

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
T = TypeVar("T")
Name = Annotated[str, Path(max_length=64)]
_ACTS = (HTTPStatus.NOT_FOUND,)


@router.get("", summary="Every webhook, and how it stands", **documented(CallerRole.READER))
async def webhooks(parts: Parts) -> Webhooks:
    return Webhooks(webhooks=await asyncio.to_thread(parts.webhooks.all))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="Add a webhook: changes are posted to a URL, signed by Standard Webhooks",
    description="It may get no more than its caller may read. The secret is in this answer, and never shown again. docs/webhooks.md "
    "says how a receiver uses it.",
    **documented(CallerRole.OPERATOR, HTTPStatus.CONFLICT, HTTPStatus.NOT_IMPLEMENTED),
)
async def add(body: NewWebhook, ask: Asking) -> WebhookSecret:
    parts, feed = ask.parts, ask.feed
    specs = [ask.spec(name) for name in dict.fromkeys(body.objects)]
    try:
        url = checked_url(parts.settings.webhook, body.url)
        records = checked_records(parts.catalogue, body.objects, body.decrypt)
        for spec in specs:
            ask.may_open(spec, [name for name in spec.fields if records.may_decrypt(spec.name, name)])
        begins = await places(feed, specs, body.after)
    except WrongWebhookError as error:
        raise invalid(f"body.{error.part}", str(error)) from None
    author = _author(ask.caller, body.reason)
    try:
        view, secret = await asyncio.to_thread(parts.webhooks.add, body.name, url, records, begins, author)
    except ActRefusedError as error:
        raise ProblemError(HTTPStatus.CONFLICT, "webhook-exists", str(error)) from None
    await _start(parts, view)
    return WebhookSecret(webhook=view, secret=secret)


@router.get("/{name}", summary="One webhook", **documented(CallerRole.READER, *_ACTS))
async def webhook(name: Name, parts: Parts) -> WebhookView:
    return _there(await asyncio.to_thread(parts.webhooks.find, name))


@router.delete(
    "/{name}",
    summary="Remove a webhook, with its held changes and dead letters",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def remove(
    name: Name,
    parts: Parts,
    caller: CalledBy,
    reason: Annotated[GivenReason, Query(description="Goes on record.")],
) -> WebhookView:
    return _there(await asyncio.to_thread(parts.webhooks.remove, name, _author(caller, reason)))


@router.post(
    "/{name}/pause",
    summary="Post nothing more; the hundred changes under way end",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def pause(name: Name, body: Reason, parts: Parts, caller: CalledBy) -> WebhookView:
    return _there(await asyncio.to_thread(parts.webhooks.pause, name, _author(caller, body.reason)))


@router.post(
    "/{name}/resume",
    summary="Go on from the cursors, also after it was disabled",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def resume(name: Name, body: Reason, parts: Parts, caller: CalledBy) -> WebhookView:
    view = _there(await asyncio.to_thread(parts.webhooks.resume, name, _author(caller, body.reason)))
    await _start(parts, view)
    return view


@router.post(
    "/{name}/rotate",
    summary="Make another secret; the present one signs beside it for a while",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def rotate(name: Name, body: Rotation, parts: Parts, caller: CalledBy) -> WebhookSecret:
    overlap = timedelta(hours=body.overlap_hours)
    made = _there(await asyncio.to_thread(parts.webhooks.rotate, name, _author(caller, body.reason), overlap))
    return WebhookSecret(webhook=made[0], secret=made[1])


@router.post(
    "/{name}/replay",
    summary="Go on from another place in the feed",
    description="Changes that the receiver has are posted again under the same ids.",
    **documented(CallerRole.OPERATOR, *_ACTS, HTTPStatus.NOT_IMPLEMENTED),
)
async def replay(name: Name, body: Replayed, ask: Asking) -> WebhookView:
    parts, feed = ask.parts, ask.feed
    found = _there(await asyncio.to_thread(parts.webhooks.find, name))
    objects = [each for each in found.webhook.records.objects if body.object in ("", each)]
    if not objects:
        raise invalid(
            "body.object", f"it is no object of this webhook: {', '.join(found.webhook.records.objects)}"
        )
    try:
        begins = await places(feed, [parts.catalogue.object(each) for each in objects], body.after)
    except WrongWebhookError as error:
        raise invalid(f"body.{error.part}", str(error)) from None
    author = _author(ask.caller, body.reason)
    view = _there(await asyncio.to_thread(parts.webhooks.replay, name, begins, author))
    await _start(parts, view)
    return view


@router.post(
    "/{name}/test",
    summary="Post one signed message without a record, from this process",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def trial(name: Name, parts: Parts) -> Trial:
    found = _there(await asyncio.to_thread(parts.webhooks.find, name))
    keys = await asyncio.to_thread(parts.webhooks.keys, name)
    sent = await send_trial(parts.settings, name, found.webhook.url, keys)
    taken = sent.answer.outcome is Outcome.TAKEN
    return Trial(taken=taken, reason=sent.answer.reason, seconds=round(sent.seconds, 3))


@router.get(
    "/{name}/dead-letters",
    summary="Changes that were refused for too long",
    **documented(CallerRole.READER, *_ACTS),
)
async def dead_letters(
    name: Name, parts: Parts, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> DeadLetters:
    found = await asyncio.to_thread(parts.webhooks.dead_letters, name, limit)
    return DeadLetters(dead_letters=_there(found))


@router.post(
    "/{name}/dead-letters/retry",
    summary="Have dead letters posted again",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def retry(name: Name, body: ChosenLetters, parts: Parts, caller: CalledBy) -> LettersChanged:
    act = partial(parts.webhooks.retry, name, _author(caller, body.reason), body.cursors)
    count = _there(await asyncio.to_thread(act))
    await _start(parts, _there(await asyncio.to_thread(parts.webhooks.find, name)))
    return LettersChanged(changes=count)


@router.post(
    "/{name}/dead-letters/discard",
    summary="Let dead letters go",
    **documented(CallerRole.OPERATOR, *_ACTS),
)
async def discard(name: Name, body: ChosenLetters, parts: Parts, caller: CalledBy) -> LettersChanged:
    act = partial(parts.webhooks.discard, name, _author(caller, body.reason), body.cursors)
    return LettersChanged(changes=_there(await asyncio.to_thread(act)))


async def _start(parts: Dependencies, view: WebhookView) -> None:
    if view.webhook.state is WebhookState.ACTIVE:
        await started(parts.client, parts.org, view.webhook.name)


def _there(found: T | None) -> T:
    if found is None:
        raise not_found("webhook", "/v1/webhooks")
    return found


def _author(caller: Caller, reason: str) -> Author:
    return Author(caller.name, reason)
