"""The org's parts put together, and every API in front of them as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox.org.auth.routes import routes as auth_routes
from sandbox.org.auth.sessions import Sessions
from sandbox.org.bulk.routes import routes as bulk_routes
from sandbox.org.bulk.service import Bulk
from sandbox.org.bulk_v1.routes import routes as bulk_v1_routes
from sandbox.org.bulk_v1.service import ClassicBulk
from sandbox.org.cometd.clients import Clients
from sandbox.org.cometd.routes import routes as cometd_routes
from sandbox.org.control.handlers import Parts
from sandbox.org.control.routes import routes as control_routes
from sandbox.org.data.identity import load_identity
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.http_faults import HttpFaults
from sandbox.org.pubsub.server import PubSubAddress, start_pubsub
from sandbox.org.refusals import refusal
from sandbox.org.rest.service import RestService
from sandbox.org.server.cross_origin import CrossOrigin
from sandbox.org.server.header_names import SpelledHeaders
from sandbox.org.server.packed_bodies import UnpackedBodies
from sandbox.org.server.rest_routes import routes as rest_routes
from sandbox.org.soap.routes import routes as soap_routes
from sandbox.org.state.org import Org
from sandbox.org.traffic.maker import TrafficMaker
from sandbox.org.traffic.neighbour import Neighbour
from schemas.catalogue import default_catalogue, load_catalogue
from schemas.salesforce.limits import COMETD_CLIENTS, DELETED_MAX_AGE

_PURGE_EVERY_SECONDS = 2.0


def open_org(folder: Path, *, edition: str = "unlimited", catalogue: Path | None = None) -> Org:
    """The org whose state is in `folder`, made when the folder is new. `catalogue` None takes the
    one that ships.
    """
    identity = load_identity(folder)
    objects = default_catalogue() if catalogue is None else load_catalogue(catalogue)
    store = Store(folder, objects, identity, edition)
    return Org(store, identity, edition)


def build_app(org: Org, *, pubsub: PubSubAddress | None = None) -> Starlette:
    """The ASGI application that serves `org`; while it runs, so does the Pub/Sub API at `pubsub`
    (None: nowhere).
    """
    sessions = Sessions(org)
    clients = Clients(COMETD_CLIENTS[org.edition])
    traffic = TrafficMaker(org)
    neighbour = Neighbour(org)
    bulk = Bulk(org)
    classic = ClassicBulk(bulk)
    parts = Parts(org, sessions, clients, traffic, neighbour, bulk, classic)
    service = RestService(org)
    service.streaming_clients = lambda: len(clients)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with _running(parts, service, pubsub):
            yield

    app = Starlette(
        routes=[
            *auth_routes(org, sessions),
            *soap_routes(service, sessions),
            *cometd_routes(org, sessions, clients),
            *control_routes(parts),
            *bulk_routes(service),
            *bulk_v1_routes(org, classic, sessions),
            *rest_routes(service),
        ],
        lifespan=lifespan,
        middleware=[Middleware(CrossOrigin, dials=org.dials), Middleware(UnpackedBodies)],
        exception_handlers={SalesforceError: _refused, 404: _nothing_there},
    )
    # A slash too many is taken away before; to send the caller there again would never end.
    app.router.redirect_slashes = False
    parts.outermost = app.state.outermost = HttpFaults(SpelledHeaders(app), org, sessions)
    """The application behind the scripted faults, as a server runs it."""
    app.state.org = org
    app.state.sessions = sessions
    app.state.bulk, app.state.classic = bulk, classic
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Refuse a call that no API has answered itself, such as a body that cannot be unpacked."""
    if not isinstance(error, SalesforceError):
        raise error
    return refusal(error, request)


async def _nothing_there(request: Request, _error: Exception) -> Response:
    """An address of no API, in the form of the API that it looks like."""
    if request.url.path.startswith("/services/"):
        return refusal(not_found(), request)
    return PlainTextResponse("Not Found", 404)


@asynccontextmanager
async def _running(parts: Parts, service: RestService, pubsub: PubSubAddress | None) -> AsyncIterator[None]:
    """Let the org's chores and its Pub/Sub API run until left."""
    org, bulk = parts.org, parts.bulk
    chores = [
        asyncio.create_task(chore)
        for chore in (
            _purge_for_ever(org),
            service.readers.keep_the_past(),
            bulk.readers.keep_the_past(),
        )
    ]
    streams = None if pubsub is None else await start_pubsub(org, parts.sessions, pubsub)
    bulk.start()
    parts.classic.start()
    yield
    if streams is not None:
        await streams.stop(grace=1)
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)
    await parts.traffic.stop()
    await parts.neighbour.stop()
    await parts.classic.stop()
    await bulk.stop()
    org.store.close()


async def _purge_for_ever(org: Org) -> None:
    """Forget events that are past retention, a few at a time so that nobody waits for it, and what
    has been binned too long.
    """
    pause = 0.0
    while True:
        await asyncio.sleep(pause)
        oldest = datetime.fromtimestamp(org.clock.seconds(), UTC) - DELETED_MAX_AGE
        purged = org.empty_bin(oldest.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        purged += org.bus.purge(org.clock.now().epoch_ms)
        pause = 0.0 if purged else _PURGE_EVERY_SECONDS
