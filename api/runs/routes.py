"""The routes of one kind of run: ask for one, look, list, pause, resume, cancel. The same for every
kind.
"""

import base64
import hashlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import ProblemError, invalid, not_found
from api.runs.kinds import RunRequest, RunResource, ask_for_run
from api.runs.models import (
    Reason,
    RunListed,
    RunPage,
    RunStarted,
    RunView,
    Status,
    Steered,
    status_of,
)
from clients.temporal.run_kinds import RunAct
from clients.temporal.run_views import (
    RunDescription,
    UnknownPageError,
    list_runs,
    look,
    progress,
)
from clients.temporal.runs import signal
from schemas import names
from schemas.errors import UnavailableError
from schemas.ingest.messages import PauseInput
from schemas.security.access import CallerRole

PageToken = Annotated[
    str,
    Query(max_length=4_000, pattern="^[A-Za-z0-9_-]*=*$", description="`next_page` of the page before."),
]
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
_MARK_BYTES = 6
"""Bytes before a token that say that a list of these runs gave it."""
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


def run_router(resource: RunResource) -> APIRouter:
    """The routes of a kind."""
    router = APIRouter(prefix=f"/v1/{resource.path}", tags=[resource.path])
    _add_start(router, resource)
    _add_list(router, resource)
    _add_view(router, resource)
    for act in resource.kind.acts:
        _add_act(router, resource, act)
    return router


def _add_start(router: APIRouter, resource: RunResource) -> None:
    async def start(
        body: RunRequest, response: Response, parts: Parts, caller: CalledBy, key: IdempotencyKey = None
    ) -> RunStarted:
        started = await ask_for_run(parts, resource, body, key=key, caller=caller)
        run_id = resource.run_id(parts.org, started.workflow_id)
        response.headers["Location"] = resource.url(run_id)
        return RunStarted(
            id=run_id,
            workflow_id=started.workflow_id,
            run_id=started.run_id,
            state_url=resource.url(run_id),
            web_ui=parts.web_ui(started.workflow_id, started.run_id),
            is_new=started.is_new,
        )

    # FastAPI takes a body's form from the annotation; each kind has its own.
    start.__annotations__["body"] = resource.request
    router.add_api_route(
        "",
        start,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        name=f"start_{resource.noun}",
        summary=f"Ask for a {resource.noun}",
        description=f"{resource.about} {_REPEATS[resource.kind.repeats]}",
        **documented(
            resource.role,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.TOO_MANY_REQUESTS,
        ),
    )


def _add_list(router: APIRouter, resource: RunResource) -> None:
    async def runs(
        parts: Parts,
        of: Annotated[
            str, Query(pattern=r"^[\w-]{0,80}$", description="Only those of this object or lane.")
        ] = "",
        status: Annotated[Status | None, Query(description="Only those.")] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Of a page.")] = 50,
        page: PageToken = "",
    ) -> RunPage:
        prefix = resource.kind.prefix(parts.org) + (f"{of}/" if of else "")
        try:
            found, token = await list_runs(
                parts.client,
                resource.kind.workflow_type,
                prefix,
                status=status or "",
                most=limit,
                token=_token(resource, page),
            )
        except UnknownPageError:
            raise _no_page() from None
        listed = [_listed(parts, resource, each) for each in found]
        return RunPage(runs=listed, next_page=_page(resource, token))

    router.add_api_route(
        "",
        runs,
        methods=["GET"],
        name=f"list_{resource.path}",
        summary=f"List {resource.path}, the newest first",
        description="A run is listed some milliseconds after its start, and for as long as Temporal keeps it.",
        **documented(CallerRole.READER),
    )


def _add_view(router: APIRouter, resource: RunResource) -> None:
    async def view(id: str, parts: Parts) -> RunView[Any]:  # noqa: A002 -- it is called so in the URL
        found = await _found(parts, resource, id)
        try:
            state, trouble = await progress(parts.client, found, resource.kind.state)
        except UnavailableError as error:
            state, trouble = None, error.detail
        return RunView(**_listed(parts, resource, found).model_dump(), state=state, trouble=trouble)

    router.add_api_route(
        "/{id}",
        view,
        methods=["GET"],
        response_model=RunView[resource.kind.state],  # type: ignore[name-defined]  # a class, though only known when this runs
        name=f"get_{resource.noun}",
        summary=f"A {resource.noun}'s state, or its result",
        **documented(CallerRole.READER, HTTPStatus.NOT_FOUND),
    )


def _add_act(router: APIRouter, resource: RunResource, act: RunAct) -> None:
    _, summary = _ACTS[act]

    async def steer(id: str, body: Reason, parts: Parts, caller: CalledBy) -> Steered:  # noqa: A002
        return await steer_run(parts, resource, id, PauseInput(by=caller.name, reason=body.reason), act)

    router.add_api_route(
        f"/{{id}}/{act}",
        steer,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        name=f"{act}_{resource.noun}",
        summary=summary,
        **documented(resource.role, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )


async def steer_run(
    parts: Dependencies, resource: RunResource, run_id: str, request: PauseInput, act: RunAct
) -> Steered:
    """Pause, resume or cancel a run, which puts it on record.

    Raises:
        ProblemError: There is no such run, or it has ended.
    """
    found = await _found(parts, resource, run_id)
    is_told = found.status == "running" and await signal(
        parts.client, found.workflow_id, _ACTS[act][0], request
    )
    if not is_told:
        url = resource.url(run_id)
        detail = f"This {resource.noun} has ended ({found.status}); there is nothing to {act}. GET {url} shows its result."
        raise ProblemError(HTTPStatus.CONFLICT, "has-ended", detail)
    return Steered(act=act, by=request.by, workflow_id=found.workflow_id, state_url=resource.url(run_id))


async def _found(parts: Dependencies, resource: RunResource, run_id: str) -> RunDescription:
    found = await look(parts.client, resource.workflow_of(parts.org, run_id))
    if found is None:
        raise not_found(resource.noun, f"/v1/{resource.path}")
    return found


def _listed(parts: Dependencies, resource: RunResource, found: RunDescription) -> RunListed:
    run_id = resource.run_id(parts.org, found.workflow_id)
    return RunListed(
        id=run_id,
        workflow_id=found.workflow_id,
        run_id=found.run_id,
        status=status_of(found),
        stage=found.stage,
        began_at=found.began_at,
        ended_at=found.ended_at,
        state_url=resource.url(run_id),
        web_ui=parts.web_ui(found.workflow_id, found.run_id),
    )


def _page(resource: RunResource, token: bytes | None) -> str | None:
    """Temporal's token, with the mark by which `_token` knows it again."""
    return base64.urlsafe_b64encode(_mark(resource, token) + token).decode() if token else None


def _token(resource: RunResource, page: str) -> bytes | None:
    """The token of a page. Temporal takes some that it never gave for the first page."""
    if not page:
        return None
    try:
        given = base64.b64decode(page, altchars=b"-_", validate=True)
    except ValueError:  # also for what is not ASCII
        raise _no_page() from None
    mark, token = given[:_MARK_BYTES], given[_MARK_BYTES:]
    if not token or mark != _mark(resource, token):
        raise _no_page()
    return token


def _mark(resource: RunResource, token: bytes) -> bytes:
    return hashlib.sha256(resource.path.encode() + b" " + token).digest()[:_MARK_BYTES]


def _no_page() -> ProblemError:
    return invalid("query.page", "take it from `next_page` of an answer as it is")
