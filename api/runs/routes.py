"""The routes of one kind of run: ask for one, look, list, pause, resume, cancel. The same for every kind."""

import base64
import binascii
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from api.dependencies import ApiParts, CalledBy, Parts
from api.openapi import told
from api.problems import ProblemError, invalid, not_found
from api.runs.kinds import RunKind, RunRequest, ask_for_run
from api.runs.models import (
    Reason,
    RunAct,
    RunListed,
    RunPage,
    RunStarted,
    RunView,
    Status,
    Steered,
    status_of,
)
from clients.temporal.runs import Look, list_runs, look, progress, signal
from schemas import names
from schemas.access import CallerRole
from schemas.errors import UnavailableError
from schemas.ingest.messages import PauseInput

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Made up by the caller, a new one for each thing that is to be done. The same key with the same content always "
        "answers the same run, and starts nothing again.",
    ),
]
_ACTS: dict[RunAct, tuple[str, str]] = {
    "pause": (names.PAUSE, "Pause it: it does nothing more until it is resumed"),
    "resume": (names.RESUME, "Resume it where it was paused"),
    "cancel": (names.CANCEL, "End it; what was done stays done"),
}


_REPEATS = {
    False: "The same asked again answers the same run; one that failed or was cancelled is started again, unless an Idempotency-Key "
    "was given.",
    True: "The same asked again while it runs answers the same run. When it has ended, it is begun again, unless a window or an "
    "Idempotency-Key was given.",
}


def run_router(kind: RunKind) -> APIRouter:
    """The routes of a kind."""
    router = APIRouter(prefix=f"/v1/{kind.path}", tags=[kind.path])
    _add_start(router, kind)
    _add_list(router, kind)
    _add_view(router, kind)
    for act in kind.acts:
        _add_act(router, kind, act)
    return router


def _add_start(router: APIRouter, kind: RunKind) -> None:
    async def start(
        body: RunRequest, response: Response, parts: Parts, caller: CalledBy, key: IdempotencyKey = None
    ) -> RunStarted:
        started = await ask_for_run(parts, kind, body, key=key, caller=caller)
        run_id = kind.run_id(parts.org, started.workflow_id)
        response.headers["Location"] = kind.url(run_id)
        return RunStarted(
            id=run_id,
            workflow_id=started.workflow_id,
            run_id=started.run_id,
            state_url=kind.url(run_id),
            web_ui=parts.web_ui(started.workflow_id, started.run_id),
            is_new=started.is_new,
        )

    # FastAPI takes a body's form from the annotation; each kind has its own.
    start.__annotations__["body"] = kind.request
    router.add_api_route(
        "",
        start,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        name=f"start_{kind.noun}",
        summary=f"Ask for a {kind.noun}",
        description=f"{kind.about} {_REPEATS[kind.repeats]}",
        **told(
            CallerRole.OPERATOR,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.TOO_MANY_REQUESTS,
        ),
    )


def _add_list(router: APIRouter, kind: RunKind) -> None:
    async def runs(
        parts: Parts,
        of: Annotated[
            str, Query(pattern=r"^[\w-]{0,80}$", description="Only those of this object or lane.")
        ] = "",
        status: Annotated[Status | None, Query(description="Only those.")] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Of a page.")] = 50,
        page: Annotated[str, Query(max_length=4_000, description="`next_page` of the page before.")] = "",
    ) -> RunPage:
        prefix = kind.prefix(parts.org) + (f"{of}/" if of else "")
        found, token = await list_runs(
            parts.client,
            kind.workflow_type,
            prefix,
            status=status or "",
            most=limit,
            token=_token(page),
        )
        listed = [_listed(parts, kind, each) for each in found]
        return RunPage(runs=listed, next_page=base64.urlsafe_b64encode(token).decode() if token else None)

    router.add_api_route(
        "",
        runs,
        methods=["GET"],
        name=f"list_{kind.path}",
        summary=f"List {kind.path}, the newest first",
        description="A run is listed some milliseconds after its start, and for as long as Temporal keeps it.",
        **told(CallerRole.READER),
    )


def _add_view(router: APIRouter, kind: RunKind) -> None:
    async def view(id: str, parts: Parts) -> RunView[Any]:  # noqa: A002 -- it is called so in the URL
        found = await _found(parts, kind, id)
        try:
            state, trouble = await progress(parts.client, found, kind.state)
        except UnavailableError as error:
            state, trouble = None, error.detail
        return RunView(**_listed(parts, kind, found).model_dump(), state=state, trouble=trouble)

    router.add_api_route(
        "/{id}",
        view,
        methods=["GET"],
        response_model=RunView[kind.state],  # type: ignore[name-defined]  # a class, though only known when this runs
        name=f"get_{kind.noun}",
        summary=f"A {kind.noun}'s state, or its result",
        **told(CallerRole.READER, HTTPStatus.NOT_FOUND),
    )


def _add_act(router: APIRouter, kind: RunKind, act: RunAct) -> None:
    signal_name, summary = _ACTS[act]

    async def steer(id: str, body: Reason, parts: Parts, caller: CalledBy) -> Steered:  # noqa: A002
        found = await _found(parts, kind, id)
        request = PauseInput(by=caller.name, reason=body.reason)
        is_told = found.status == "running" and await signal(
            parts.client, found.workflow_id, signal_name, request
        )
        if not is_told:
            detail = f"This {kind.noun} has ended ({found.status}); there is nothing to {act}. GET {kind.url(id)} shows its result."
            raise ProblemError(HTTPStatus.CONFLICT, "has-ended", detail)
        return Steered(act=act, by=caller.name, workflow_id=found.workflow_id, state_url=kind.url(id))

    router.add_api_route(
        f"/{{id}}/{act}",
        steer,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        name=f"{act}_{kind.noun}",
        summary=summary,
        **told(CallerRole.OPERATOR, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )


async def _found(parts: ApiParts, kind: RunKind, run_id: str) -> Look:
    found = await look(parts.client, kind.workflow_of(parts.org, run_id))
    if found is None:
        raise not_found(kind.noun, f"/v1/{kind.path}")
    return found


def _listed(parts: ApiParts, kind: RunKind, found: Look) -> RunListed:
    run_id = kind.run_id(parts.org, found.workflow_id)
    return RunListed(
        id=run_id,
        workflow_id=found.workflow_id,
        run_id=found.run_id,
        status=status_of(found),
        stage=found.stage,
        began_at=found.began_at,
        ended_at=found.ended_at,
        state_url=kind.url(run_id),
        web_ui=parts.web_ui(found.workflow_id, found.run_id),
    )


def _token(page: str) -> bytes | None:
    try:
        return base64.b64decode(page, altchars=b"-_", validate=True) or None
    except binascii.Error:
        raise invalid("query.page", "take it from `next_page` of an answer as it is") from None
