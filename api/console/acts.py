"""Acts of an operator on the console: a page that says what will happen, then the act itself.

An act is the same function that `/v1` calls, with the session's name as `by`. The form carries a
key: sent twice, it is done once, and the second answer says so.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.console.forms import CSRF_FIELD, read_act
from api.console.gate import PREFIX
from api.console.live import View, Visit, page_values
from api.console.render import respond
from api.console.session import Session
from api.problems import wrong_fields
from clients.database.idempotency_keys import KeyClaim
from schemas.security.reason import LONGEST_REASON, SHORTEST_REASON

_KIND = "console"
_DONE = "done"
Fields = Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """A field of an act's form with a few values."""

    name: str
    label: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """The outcome of an act."""

    said: str
    back: str
    """The page that shows its effect."""


@dataclass(frozen=True)
class ConsoleAct:
    """One act."""

    name: str
    """The last part of its address."""
    title: str
    fields: tuple[str, ...]
    """Taken from the address of its page, and sent back by its form."""
    says: Callable[[Visit, Fields], Awaitable[list[str]]]
    """The dry run: sentences that say what will happen."""
    does: Callable[[Visit, Fields, str, str], Awaitable[Done]]
    """Given the fields, the reason and the key."""
    choices: tuple[Choice, ...] = ()
    asks_object: bool = False
    """True: the form offers the objects of the catalogue."""
    is_grave: bool = False
    """True: what it lets go does not come back."""


def act_routes(acts: tuple[ConsoleAct, ...]) -> tuple[Route, ...]:
    """Two routes each: the page that asks, and the act."""
    routes: list[Route] = []
    for act in acts:
        path = f"{PREFIX}/acts/{act.name}"
        routes += [Route(path, _asks(act), methods=["GET"]), Route(path, _does(act), methods=["POST"])]
    return tuple(routes)


def _asks(act: ConsoleAct) -> Callable[[Request], Awaitable[Response]]:
    async def ask_first(request: Request) -> Response:
        visit = _visit(request)
        _must_be_operator(visit.session)
        fields = {name: visit.word(name) for name in act.fields}
        said = await act.says(visit, fields)
        return _page(
            visit, act, {"fields": fields, "said": said, "key": secrets.token_urlsafe(18), "done": None}
        )

    return ask_first


def _does(act: ConsoleAct) -> Callable[[Request], Awaitable[Response]]:
    async def do(request: Request) -> Response:
        session, form = await read_act(request)
        _must_be_operator(session)
        visit = _visit(request)
        reason = form.get("reason", "").strip()
        if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not reason.isprintable():
            detail = "Say in some words, and in one line, why: it goes on record."
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        names = (*act.fields, *(choice.name for choice in act.choices))
        fields = {name: form.get(name, "")[:LONGEST_REASON] for name in names}
        done, is_new = await _once(visit, act, fields, (reason, form.get("key", "")))
        shown = {"fields": fields, "said": [], "key": "", "done": done, "is_new": is_new}
        return _page(visit, act, shown)

    return do


async def _once(visit: Visit, act: ConsoleAct, fields: Fields, asked: tuple[str, str]) -> tuple[Done, bool]:
    """Do it, unless the same form did it before. `asked`: the reason, and the form's key."""
    reason, key = asked
    if not key:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "The form has no key. Open its page again.")
    content = hashlib.sha256(orjson.dumps([act.name, sorted(fields.items())])).hexdigest()
    keys = visit.parts.keys
    claim = KeyClaim(visit.session.caller.name, f"console:{key}"[:255], _KIND, content, act.name)
    held = await asyncio.to_thread(keys.claim, claim)
    if held.run_id is not None:
        return Done("It was done before by the same form, and was not done again.", PREFIX), False
    try:
        done = await act.does(visit, fields, reason, key)
    except ValidationError as error:
        await asyncio.to_thread(keys.release, claim)
        raise wrong_fields(error.errors(include_input=False, include_context=False)) from None
    except BaseException:
        await asyncio.to_thread(keys.release, claim)
        raise
    await asyncio.to_thread(keys.record_start, claim, _DONE)
    return done, True


def _page(visit: Visit, act: ConsoleAct, told: dict[str, Any]) -> Response:
    objects = list(visit.parts.catalogue.objects) if act.asks_object else []
    view = View(act.title, "", "", {"act": act, "objects": objects, **told})
    return respond("act.html", page_values(visit, view) | {"CSRF_FIELD": CSRF_FIELD})


def _visit(request: Request) -> Visit:
    return Visit(request, request.app.state.parts(), request.state.session)


def _must_be_operator(session: Session) -> None:
    if not session.is_operator:
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"This needs the role operator; {session.caller.name} has {session.caller.role}. Sign in with another token.",
        )
