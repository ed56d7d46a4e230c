"""An org and its whole application in this process, without sockets; the RSA key, which is slow to
make, is made once.
"""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path

import httpx
from starlette.applications import Starlette

from sandbox.org.data.identity import IDENTITY_FILE, load_identity
from sandbox.org.server.app import build_app, open_org
from sandbox.org.state.org import Org
from tests.support.builders.waiting import until


@lru_cache
def _identity_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tidegate-identity-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    load_identity(folder)
    return folder


def new_org(folder: Path, *, edition: str = "enterprise", catalogue: Path | None = None) -> Org:
    """An empty org whose state is in `folder`. `catalogue`: of its objects; None: the one that
    ships.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_identity_folder() / IDENTITY_FILE, folder)
    return open_org(folder, edition=edition, catalogue=catalogue)


@asynccontextmanager
async def client_of(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in as the integration user; `client.app` would be `build_app`'s."""
    app = build_app(org)
    async with app.router.lifespan_context(app), http_client(app, org) as client:
        yield client


def http_client(app: Starlette, org: Org) -> httpx.AsyncClient:
    """A logged-in client of a built application."""
    token = app.state.sessions.open(org.identity.user_id, "test").token
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app.state.outermost),
        base_url="http://org",
        headers={"Authorization": f"Bearer {token}"},
    )


@asynccontextmanager
async def long_calls_under_way(
    client: httpx.AsyncClient, org: Org, count: int
) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Have `count` API calls under way, each of which makes an Account; they are answered when this
    is left. From now on every call is a long one.
    """
    released = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await released.wait()
        yield b'{"Name": "late"}'

    long_calls = org.meters.long_calls
    long_calls.seconds = 0
    wanted = long_calls.now + count
    path = "/services/data/v67.0/sobjects/Account"
    calls = [asyncio.create_task(client.post(path, content=body())) for _ in range(count)]

    async def are_under_way() -> bool:
        return long_calls.now == wanted

    await until(are_under_way)
    yield calls
    released.set()
    await asyncio.gather(*calls)
