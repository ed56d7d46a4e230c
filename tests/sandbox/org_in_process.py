"""An org and its whole application in this process, without sockets; the RSA key, which is slow to make, is made once."""

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
from sandbox.org.data.model import Org
from sandbox.org.server.app import build_app, open_org


@lru_cache
def _identity_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tidegate-identity-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    load_identity(folder)
    return folder


def new_org(folder: Path, *, edition: str = "enterprise", catalogue: Path | None = None) -> Org:
    """An empty org whose state is in `folder`. `catalogue`: of its objects; None: the one that ships."""
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
