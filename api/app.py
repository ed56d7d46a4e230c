"""The app: routes, layers and the parts behind them."""

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.types import ASGIApp

from api.console.app import TwoDoors, build_console
from api.dependencies import Dependencies, open_api_parts
from api.docs_page import HEADERS, docs_page
from api.middleware.auth import Authentication, Gate
from api.middleware.body_limit import BodyLimit
from api.middleware.request_id import RequestIds
from api.middleware.traces import Traces
from api.openapi import describe
from api.problems import handle_problems
from api.routes import ROUTERS
from workers.metrics.serve import serving_metrics
from workers.metrics.state import exporting_state
from workers.settings import Settings
from workers.status import StatusLook

_ABOUT = (
    "What the integration services ask of Tidegate: writebacks, backfills, replays and reconciliations, lanes, budgets, leases, and what became "
    "of every change. Every answer about a run links to it. Times are ISO 8601 with a zone."
)


@dataclass(frozen=True)
class Api:
    """The served application, and the FastAPI app inside, whose document describes it."""

    served: ASGIApp
    inner: FastAPI


def build_api(settings: Settings) -> Api:
    """The app for these settings. It opens its clients when it is started, and connects when it is
    asked.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_metrics(settings.metrics, "api"), open_api_parts(settings) as parts:
            with closing(StatusLook(settings, parts.client)) as looks:
                async with exporting_state(looks):
                    app.state.parts = parts
                    yield

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
    gate = Gate(settings.api)

    def parts() -> Dependencies:
        found: Dependencies = app.state.parts
        return found

    most = settings.api.max_body_bytes
    console = BodyLimit(build_console(settings, gate, parts), most)
    limited = Traces(BodyLimit(app, most))
    return Api(RequestIds(TwoDoors(console, Authentication(limited, gate))), app)


def _docs_of(app: FastAPI) -> Callable[[], Awaitable[HTMLResponse]]:
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    return docs
