"""Acts on quality and quarantine: acknowledge, discard, read again, replay, release a hold."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException

from api.console.acts import ConsoleAct, Done, Fields
from api.console.live import Visit
from api.routes import quality, quarantine
from api.routes.quality import ChosenFindings, HandledFindings, HeldObject
from api.routes.quarantine import Refused
from api.routes.replays import RESOURCE as REPLAYS, QuarantineRows, ReplayRequest
from api.runs.kinds import ask_for_run
from clients.warehouse.sql import replay as sql
from schemas.quality_views import FindingChoice
from workers.quality import QualityLooks

_BACK = "/console/quality"
_FINDINGS = ("object", "rule", "field")
_REFUSED = ("object", "because")


async def _says_findings(visit: Visit, fields: Fields) -> list[str]:
    if not fields["object"]:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "Nothing is chosen: an object is needed.")
    choice = FindingChoice(object=fields["object"], rule=fields["rule"], field=fields["field"])
    groups = await asyncio.to_thread(QualityLooks(visit.parts.warehouse).groups, choice)
    number = sum(group.findings for group in groups)
    return [f"Chosen, as of now: {number:,} open findings of {fields['object']}, {choice.words()}."]


def _findings_act(
    name: str, title: str, about: str, route: Callable[..., Awaitable[HandledFindings]]
) -> ConsoleAct:
    async def says(visit: Visit, fields: Fields) -> list[str]:
        return [*await _says_findings(visit, fields), about]

    async def does(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001 -- asked twice is the same
        body = ChosenFindings.model_validate({**fields, "reason": reason})
        done = await route(body, visit.parts, visit.session.caller)
        return Done(f"{done.rows:,} findings were concerned.", _BACK)

    return ConsoleAct(name, title, _FINDINGS, says, does)


async def _says_release(visit: Visit, fields: Fields) -> list[str]:
    held = [
        each
        for each in await asyncio.to_thread(QualityLooks(visit.parts.warehouse).holds)
        if each.object == fields["object"]
    ]
    why = f"It is held because: {held[0].reason}" if held else "It is not held now."
    return [
        why,
        "What was received until now is applied. Changes that break rules of severity `reject` go to quarantine.",
    ]


async def _release(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    body = HeldObject.model_validate({**fields, "reason": reason})
    done = await quality.release(body, visit.parts, visit.session.caller)
    return Done(f"{done.rows:,} holds of {fields['object']} ended.", _BACK)


async def _says_refused(visit: Visit, fields: Fields) -> list[str]:
    if not any(fields.values()):
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Nothing is chosen: an object or a cause is needed."
        )
    chosen = [fields["because"], fields["because"], fields["object"], fields["object"], "", ""]

    def count() -> int:
        with visit.parts.warehouse.transaction() as transaction:
            return sum(row[2] for row in transaction.fetch(sql.count_quarantine(acknowledged=False), chosen))

    named = ", ".join(filter(None, (fields["object"], fields["because"])))
    return [f"Chosen, as of now: {await asyncio.to_thread(count):,} refused changes ({named})."]


async def _says_acknowledge(visit: Visit, fields: Fields) -> list[str]:
    return [
        *await _says_refused(visit, fields),
        "They need no more care: they stay on record, are not counted as waiting, and a replay leaves them out.",
    ]


async def _acknowledge(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    body = Refused.model_validate({**fields, "reason": reason})
    done = await quarantine.acknowledge(body, visit.parts, visit.session.caller)
    return Done(f"{done.changes:,} changes need no more care.", _BACK)


async def _says_discard(visit: Visit, fields: Fields) -> list[str]:
    return [
        *await _says_refused(visit, fields),
        "Those of them that no act has answered yet are given up: they count as answered, and no replay takes them again.",
    ]


async def _discard(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    body = Refused.model_validate({**fields, "reason": reason})
    done = await quarantine.discard(body, visit.parts, visit.session.caller)
    return Done(f"{done.changes:,} changes are given up.", _BACK)


async def _says_redrive(visit: Visit, fields: Fields) -> list[str]:
    return [
        *await _says_refused(visit, fields),
        "Their batches are taken through the present code once more. What fits now is applied; the rest stays.",
    ]


async def _redrive(visit: Visit, fields: Fields, reason: str, key: str) -> Done:
    request = ReplayRequest(
        object=fields["object"] or None,
        quarantine=QuarantineRows(reason=fields["because"] or None),
        reason=reason,
    )
    started = await ask_for_run(visit.parts, REPLAYS, request, key=key, caller=visit.session.caller)
    run_id = REPLAYS.run_id(visit.parts.org, started.workflow_id)
    return Done("The replay has begun.", f"/console/runs/replays/{run_id}")


QUALITY_ACTS = (
    _findings_act(
        "quality-acknowledge",
        "Acknowledge findings",
        "They stay on record, and are not counted as waiting. One that is resolved and recurs needs care again.",
        quality.acknowledge,
    ),
    _findings_act(
        "quality-redrive",
        "Read the records again",
        "Their records are read from the org once more, which costs API calls of the class repair. What is wrong no more is resolved.",
        quality.redrive,
    ),
    ConsoleAct("quality-release", "Release the hold", ("object",), _says_release, _release),
    ConsoleAct(
        "quarantine-acknowledge", "Acknowledge refused changes", _REFUSED, _says_acknowledge, _acknowledge
    ),
    ConsoleAct(
        "quarantine-discard",
        "Discard refused changes",
        _REFUSED,
        _says_discard,
        _discard,
        is_grave=True,
    ),
    ConsoleAct("quarantine-redrive", "Redrive refused changes", _REFUSED, _says_redrive, _redrive),
)
