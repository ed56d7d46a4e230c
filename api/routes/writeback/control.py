"""Operator actions on writebacks: pause, retry, discard, undo. In force and on record when it is
answered.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import invalid
from api.runs.models import Reason
from clients.writeback.batch_former import objects_that_wait
from clients.writeback.pauses import Pauses
from clients.writeback.retry_discard import Unsent
from clients.writeback.stats import Latency, QueueStats
from clients.writeback.undo import Undoing
from schemas.security.access import Caller, CallerRole
from schemas.writeback.control import (
    MOST_CHOSEN,
    Handled,
    PauseResult,
    PauseView,
    UndoResult,
    WritebackChoice,
)
from schemas.writeback.messages import PauseChange, SetPauseInput, WritebackControl, WritebackState

router = APIRouter(prefix="/v1/writebacks", tags=["writebacks"])
Numbers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=2**63 - 1)], ...],
    Field(max_length=MOST_CHOSEN, description="Of the writebacks; without anything else that chooses."),
]
Word = Annotated[str | None, Field(min_length=1, max_length=255)]


class WhatIsHeld(Reason):
    """An object's writebacks, or all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"object": "Case", "reason": "release tonight"}]}
    )

    object: Word = None
    all: bool = Field(default=False, description="True: every object's. Give this or an object.")


class Chosen(Reason):
    """Writebacks by their numbers, or by what they have in common."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"object": "Case", "code": "UNABLE_TO_LOCK_ROW", "reason": "the import is over"}]
        },
    )

    numbers: Numbers = ()
    object: Word = None
    code: Annotated[Word, Field(description="Code of the last error, as the list of writebacks has it.")] = (
        None
    )
    state: Annotated[
        WritebackState | None, Field(description="dead, held or superseded; left out: all three.")
    ] = None
    batch: Word = None

    def choice(self) -> WritebackChoice:
        """The same for the store; refuses what chooses nothing, or twice."""
        found = WritebackChoice(**self.model_dump(include=set(WritebackChoice.model_fields)))
        if found.is_empty:
            raise invalid("body", "nothing is chosen; give numbers, or object, code, state or batch")
        if found.numbers and found != WritebackChoice(numbers=found.numbers):
            raise invalid("body.numbers", "numbers choose by themselves; leave them or the rest out")
        return found


class ChosenToRetry(Chosen):
    """As for discarding, and whether later writebacks may be overwritten."""

    force: bool = Field(
        default=False,
        description="Also those with a later writeback of the same record and field that is done or on its way.",
    )


class ToUndo(Reason):
    """Writebacks by their numbers, or those of a batch."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"batch": "4711.0", "reason": "wrong file"}]}
    )

    numbers: Numbers = ()
    batch: Word = None


class PausesInForce(BaseModel):
    """Pauses in force, the whole org first."""

    pauses: tuple[PauseView, ...]


class StandingNow(PausesInForce):
    """Writeback statistics, by object."""

    standings: list[QueueStats]
    """Objects with writebacks that wait, are on their way, or wait for an operator."""
    latencies: list[Latency]
    """Of what was done within the last hour; seconds since acceptance."""


@router.get("/pauses", summary="What is held back, by whom and why", **documented(CallerRole.READER))
async def pauses(parts: Parts) -> PausesInForce:
    return PausesInForce(pauses=tuple(await asyncio.to_thread(parts.looks.pauses)))


@router.get(
    "/standing",
    summary="What waits, what is held or dead, who holds it back, and how long the last hour's took",
    **documented(CallerRole.READER),
)
async def standing(parts: Parts) -> StandingNow:
    looks = parts.looks
    return StandingNow(
        standings=await asyncio.to_thread(looks.standings),
        latencies=await asyncio.to_thread(looks.latencies),
        pauses=tuple(await asyncio.to_thread(looks.pauses)),
    )


@router.post(
    "/pause",
    summary="Send nothing more of an object, or at all",
    description="In force when it is answered: no batch is sent after, and `on_the_wire` names those that were by then. What is "
    "accepted meanwhile waits.",
    **documented(CallerRole.OPERATOR),
)
async def pause(body: WhatIsHeld, parts: Parts, caller: CalledBy) -> PauseResult:
    return await _hold(parts, PauseChange.PAUSE, body, caller)


@router.post(
    "/resume",
    summary="End a pause or a drain",
    description="Of the object, or of the whole org; the other one stays in force.",
    **documented(CallerRole.OPERATOR),
)
async def resume(body: WhatIsHeld, parts: Parts, caller: CalledBy) -> PauseResult:
    return await _hold(parts, PauseChange.RESUME, body, caller)


@router.post(
    "/drain",
    summary="Send what was accepted until now, and nothing that comes later",
    **documented(CallerRole.OPERATOR),
)
async def drain(body: WhatIsHeld, parts: Parts, caller: CalledBy) -> PauseResult:
    return await _hold(parts, PauseChange.DRAIN, body, caller)


@router.post(
    "/retry",
    summary="Send dead letters, held and superseded ones once more",
    description="A held or superseded one is then sent although the record was changed before now. Those with a later writeback of "
    "the same record and field that is done or on its way are left, with its number, unless `force` is true.",
    **documented(CallerRole.OPERATOR),
)
async def retry(body: ChosenToRetry, parts: Parts, caller: CalledBy) -> Handled:
    unsent = Unsent(parts.writebacks)
    act = {"by": caller.name, "reason": body.reason}
    handled = await asyncio.to_thread(unsent.retry, body.choice(), **act, force=body.force)
    await parts.queues.wake_all(handled.objects)
    return handled


@router.post(
    "/discard",
    summary="Let dead letters, held and superseded ones go",
    **documented(CallerRole.OPERATOR),
)
async def discard(body: Chosen, parts: Parts, caller: CalledBy) -> Handled:
    unsent = Unsent(parts.writebacks)
    return await asyncio.to_thread(unsent.discard, body.choice(), by=caller.name, reason=body.reason)


@router.post(
    "/undo",
    status_code=HTTPStatus.ACCEPTED,
    summary="Bring back what writebacks replaced",
    description="New writebacks, with the key `undo:NUMBER` each, that write the values from before where the record still has what "
    "was written. A record that was made is not deleted. Asked again, it answers the same.",
    **documented(CallerRole.OPERATOR),
)
async def undo(body: ToUndo, parts: Parts, caller: CalledBy) -> UndoResult:
    if bool(body.numbers) == (body.batch is not None):
        raise invalid("body", "give numbers or a batch, and not both")
    chosen = WritebackChoice(numbers=body.numbers, batch=body.batch)
    undoing = Undoing(parts.writebacks, parts.catalogue)
    result = await asyncio.to_thread(undoing.undo, chosen, by=caller.name, reason=body.reason)
    await parts.queues.wake_all(result.objects)
    return result


async def _hold(parts: Dependencies, change: PauseChange, body: WhatIsHeld, caller: Caller) -> PauseResult:
    if body.all == (body.object is not None):
        raise invalid("body.object", "give an object, or `all` as true, and not both")
    if body.object is not None:
        parts.catalogue.object(body.object)
    request = SetPauseInput(
        object=body.object or "",
        change=change,
        control=WritebackControl(by=caller.name, reason=body.reason, whole_org=body.all),
        at=datetime.now(UTC),
    )
    result = await asyncio.to_thread(Pauses(parts.writebacks).set, request)
    await parts.queues.wake_all(await _concerned(parts, body.object))
    return result


async def _concerned(parts: Dependencies, object_name: str | None) -> Iterable[str]:
    if object_name is not None:
        return [object_name]
    return await asyncio.to_thread(objects_that_wait, parts.writebacks)
