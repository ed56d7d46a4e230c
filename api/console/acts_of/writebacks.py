"""Acts on writebacks: pause and resume an object's, retry and discard those that wait for
somebody.
"""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException

from api.console.acts import ConsoleAct, Done, Fields
from api.console.live import Visit
from api.routes.writeback import control
from api.routes.writeback.control import Chosen, ChosenToRetry, WhatIsHeld
from clients.writeback.queries import WritebackFilter
from schemas.writeback.control import Handled
from schemas.writeback.messages import WritebackState

_MOST_LOOKED_AT = 1_000
_FOR_SOMEBODY = (WritebackState.DEAD, WritebackState.HELD, WritebackState.SUPERSEDED)
_BACK = "/console/writebacks"


def _pause_act(act: str) -> ConsoleAct:
    async def says(visit: Visit, fields: Fields) -> list[str]:
        name = fields["object"]
        if name != "*":
            visit.parts.catalogue.object(name)
        whose = "every object" if name == "*" else name
        if act == "resume":
            return [f"The pause or drain of {whose} ends. What waits is sent, the oldest first."]
        return [
            f"No batch of {whose} is sent from now on. What is accepted meanwhile waits.",
            "Batches that are on the wire come to their end.",
        ]

    async def does(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001 -- asked twice is the same
        is_all = fields["object"] == "*"
        body = WhatIsHeld(object=None if is_all else fields["object"], all=is_all, reason=reason)
        route = control.pause if act == "pause" else control.resume
        result = await route(body, visit.parts, visit.session.caller)
        wire = f" {len(result.on_the_wire)} batches were on the wire." if result.on_the_wire else ""
        return Done(f"It is in force.{wire}", _BACK)

    return ConsoleAct(f"writebacks-{act}", f"{act.capitalize()} writebacks", ("object",), says, does)


async def _says_chosen(visit: Visit, fields: Fields) -> list[str]:
    if numbers := _numbers(fields):
        return [f"Chosen: {len(numbers)} by number."]
    if not any(fields.values()):
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Nothing is chosen. Filter the list by object, state or batch first, then act on it.",
        )
    found = []
    states = [WritebackState(fields["state"])] if fields["state"] in set(WritebackState) else _FOR_SOMEBODY
    for state in states:
        chosen = WritebackFilter(object=fields["object"] or None, state=state, batch=fields["batch"] or None)
        rows = await asyncio.to_thread(visit.parts.looks.page, chosen, _MOST_LOOKED_AT)
        more = " or more" if len(rows) == _MOST_LOOKED_AT else ""
        found.append(f"{len(rows):,}{more} {state}")
    named = ", ".join(f"{name} {value}" for name, value in fields.items() if value)
    return [f"Chosen, as of now: {'; '.join(found)} ({named})."]


async def _says_retry(visit: Visit, fields: Fields) -> list[str]:
    return [
        *await _says_chosen(visit, fields),
        "They are sent once more. A held or superseded one is then sent although the record was changed before now.",
        "Those with a later writeback of the same record and field, done or on its way, are left.",
    ]


async def _says_discard(visit: Visit, fields: Fields) -> list[str]:
    return [
        *await _says_chosen(visit, fields),
        "They are let go: never sent, and kept on record as discarded. This cannot be taken back.",
    ]


async def _retry(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    body = ChosenToRetry.model_validate(_choice(fields) | {"reason": reason})
    return _handled(await control.retry(body, visit.parts, visit.session.caller), "will be sent again")


async def _discard(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    body = Chosen.model_validate(_choice(fields) | {"reason": reason})
    return _handled(await control.discard(body, visit.parts, visit.session.caller), "were discarded")


def _handled(result: Handled, word: str) -> Done:
    left = "; ".join(f"{each.number}: {each.why}" for each in result.left[:5])
    more = f" {len(result.left):,} were left: {left}." if result.left else ""
    return Done(f"{len(result.numbers):,} {word}.{more}", _BACK)


def _choice(fields: Fields) -> dict[str, object]:
    if numbers := _numbers(fields):
        return {"numbers": numbers}
    return {name: fields[name] for name in ("object", "state", "batch") if fields[name]}


def _numbers(fields: Fields) -> list[int]:
    return [int(each) for each in fields["numbers"].split(",") if each.strip().isdigit()]


_CHOSEN = ("numbers", "object", "state", "batch")
WRITEBACK_ACTS = (
    _pause_act("pause"),
    _pause_act("resume"),
    ConsoleAct("writebacks-retry", "Retry writebacks", _CHOSEN, _says_retry, _retry),
    ConsoleAct("writebacks-discard", "Discard writebacks", _CHOSEN, _says_discard, _discard, is_grave=True),
)
