"""A bare Pub/Sub client: what it asks for is written in the test, and nothing is retried."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.app import build_app, open_org
from sandbox.org.state.org import Org
from sandbox.ports import free_port
from schemas.eventbus import pubsub_api_pb2 as wire, pubsub_api_pb2_grpc as service
from tests.support.builders.waiting import SLOWNESS


class Client:
    """The stub with an org's credentials."""

    def __init__(self, channel: grpc.aio.Channel, org: Org, token: str) -> None:
        self.channel = channel
        self.stub = service.PubSubStub(channel)
        self.metadata = (
            ("accesstoken", token),
            ("instanceurl", "https://org.my.salesforce.com"),
            ("tenantid", org.identity.org_id),
        )

    def subscribe(self, topic: str, count: int, **more: Any) -> Any:
        """An open Subscribe stream that has asked for `count` events; `write` asks for more."""
        return Call(
            self.stub.Subscribe(metadata=self.metadata),
            wire.FetchRequest(topic_name=topic, num_requested=count, **more),
        )

    def managed(self, name: str, count: int) -> Any:
        return Call(
            self.stub.ManagedSubscribe(metadata=self.metadata),
            wire.ManagedFetchRequest(developer_name=name, num_requested=count),
        )


class Call:
    """One open stream."""

    def __init__(self, call: Any, first: Any) -> None:
        self.call = call
        self._first = first

    async def open(self) -> "Call":
        await self.call.write(self._first)
        return self

    async def ask(self, count: int, **more: Any) -> None:
        await self.call.write(type(self._first)(num_requested=count, **more))

    async def read(self) -> Any:
        """The next response; raises the stream's error."""
        try:
            response = await asyncio.wait_for(self.call.read(), 10 * SLOWNESS)
        except grpc.aio.AioRpcError as error:
            trailers = {key: str(value) for key, value in error.trailing_metadata() or ()}
            raise RefusedError(error.code(), error.details() or "", trailers) from None
        return None if response is grpc.aio.EOF else response

    async def events(self, count: int) -> list[Any]:
        """The next events, `count` of them."""
        found: list[Any] = []
        while len(found) < count:
            response = await self.read()
            assert response is not None, "the stream ended"
            found += response.events
        return found


class RefusedError(Exception):
    """A stream ended with an error."""

    def __init__(self, status: grpc.StatusCode, details: str, trailers: dict[str, str]) -> None:
        self.status = status
        self.trailers = trailers
        super().__init__(f"{status}: {details}")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Org, Client, Any]]:
    """An org that serves the Pub/Sub API on a socket, and a client of it; the application too."""
    org = open_org(folder)
    port = free_port()
    app = build_app(org, pubsub=PubSubAddress("127.0.0.1", port))
    async with app.router.lifespan_context(app), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        token = app.state.sessions.open(org.identity.user_id, "test").token
        yield org, Client(channel, org, token), app
        org.bus.close()
