"""Shared by the bulk tests: an org with its APIs in process, and the steps of a job."""

import asyncio
import csv
import io
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from sandbox.org.data.identity import Identity
from sandbox.org.data.store import Store
from sandbox.org.server.app import build_app
from sandbox.org.state.org import Org
from schemas.catalogue import default_catalogue

V = "/services/data/v67.0"


def open_bulk_org(folder: Path, identity: Identity) -> Org:
    return Org(Store(folder, default_catalogue(), identity, "enterprise"), identity, "enterprise")


@asynccontextmanager
async def bulk_client(org: Org):
    """A client whose session is open; the org's jobs are taken up, as at a start."""
    app = build_app(org)
    token = app.state.sessions.open(org.identity.user_id, "test").token
    headers = {"Authorization": f"Bearer {token}", "X-SFDC-Session": token}
    transport = httpx.ASGITransport(app)
    app.state.bulk.start()
    app.state.classic.start()
    async with httpx.AsyncClient(transport=transport, base_url="http://org", headers=headers) as client:
        yield client
    await app.state.classic.stop()
    await app.state.bulk.stop()


async def until(client, path, state, *, key="state"):
    info = {}
    for _ in range(500):
        info = (await client.get(path)).json()
        if info[key] == state:
            return info
        assert info[key] not in ("Failed", "Aborted", "JobComplete"), info
        await asyncio.sleep(0.005)
    raise AssertionError(f"{path} never became {state}: {info}")


def rows_of(response, **dialect):
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline=""), **dialect))


def error(response):
    [only] = response.json()
    return only


def csv_text(rows, *, delimiter=",", newline="\n"):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(
        out, list(rows[0]), delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
