"""The app: routes, layers and the parts behind them."""

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.types import ASGIApp

from api.console.app import TwoDoors, build_console
from api.console.session import Sessions
from api.dependencies import Dependencies, open_api_parts
from api.docs_page import HEADERS, docs_page
from api.middleware.auth import Authentication, Gate
from api.middleware.body_limit import BodyLimit
from api.middleware.busy import Busy
from api.middleware.codec_door import CodecDoor
from api.middleware.kept_tokens import KeptTokens
from api.middleware.on_record import OnRecord
from api.middleware.refusals import Refusals
from api.middleware.request_id import RequestIds
from api.middleware.traces import Traces
from api.openapi import describe
from api.problems import handle_problems
from api.routes import ROUTERS
from clients.database.api_tokens import ApiTokens
from clients.database.audit_log import AuditLog
from workers.fleet import fleet_members
from workers.metrics.serve import serving_metrics
from workers.metrics.state import exporting_state
from workers.settings import Settings
from workers.status import StatusLook

_ABOUT = (
    "What the integration services ask of Tidegate: writebacks, backfills, replays and reconciliations, lanes, budgets, leases, and what became "
    "of every change. Every answer about a run links to it. Times are ISO 8601 with a zone."
)


_MOST_OF_A_FORM = 256 * 1024
"""Bytes that the console reads of anybody, signed in or not."""


@dataclass(frozen=True)
class Api:
    """The served application, and the FastAPI app inside, whose document describes it."""

    served: ASGIApp
    inner: FastAPI


def build_api(settings: Settings) -> Api:
    """The app for these settings. It opens its clients when it is started, and connects when it is
    asked.

    Raises:
        SettingsError: The fleet's file cannot be used.
    """
    fleet_members(settings.fleet)

    def parts() -> Dependencies:
        found: Dependencies = app.state.parts
        return found

    def audit() -> AuditLog | None:
        return app.state.parts.audit if hasattr(app.state, "parts") else None

    refusals = Refusals(settings.api.limits.refusals, audit)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_metrics(settings.metrics, "api"), open_api_parts(settings) as opened:
            with closing(StatusLook(settings, opened.client)) as looks:
                async with exporting_state(looks):
                    app.state.parts = opened
                    yield
                    await refusals.close()

    app = _routed(lifespan)
    served = OnRecord(_doors(settings, app, parts), refusals, audit)
    return Api(RequestIds(served), app)


def _routed(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """The FastAPI app with every route and its document."""
    app = FastAPI(
        title="Tidegate",
        version="1",
        description=_ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Its records of failures quote what was sent; ours do not.
        # Its spans have the query; `Traces` makes ours.
        telemetry={"tracing": False, "logs": False, "auto_configure": False},
    )
    # `Message` leaves its validators until they are needed. FastAPI silences this warning of its
    # own aliases only where it builds a field at once.
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)
    for router in ROUTERS:
        app.include_router(router)
    handle_problems(app)
    describe(app)
    app.add_api_route("/v1/docs", _docs_of(app), include_in_schema=False)
    return app


def _doors(settings: Settings, app: FastAPI, parts: Callable[[], Dependencies]) -> ASGIApp:
    """The API and the console, each behind its own checks."""

    def tokens() -> ApiTokens | None:
        return parts().tokens if hasattr(app.state, "parts") else None

    gate = Gate(settings.api, KeptTokens(tokens))
    app.state.gate = gate
    sessions = Sessions(settings.api, lambda: parts().ended, gate)
    console = BodyLimit(build_console(settings, gate, sessions, parts), settings.api, _MOST_OF_A_FORM)
    limited = Busy(Traces(BodyLimit(app, settings.api)), settings.api.limits)
    api = CodecDoor(Authentication(limited, gate), limited, settings, sessions)
    return TwoDoors(console, api)


def _docs_of(app: FastAPI) -> Callable[[], Awaitable[HTMLResponse]]:
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    return docs
