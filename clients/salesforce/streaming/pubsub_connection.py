"""Shared by the Pub/Sub subscriptions of a process: one HTTP/2 connection, one session, and every
event schema they met.

Schemas are kept forever by their id: an id names one schema, and a stream may carry several
after a field was added.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from clients.ca_bundle import ca_bundle
from clients.concurrency import run_to_completion
from clients.metrics.calls import count_unpaid
from clients.salesforce.session import Session, SessionSource
from clients.salesforce.streaming.avro import EventDecoder, UndecodableError
from clients.salesforce.streaming.pubsub_address import PubsubAddress
from clients.salesforce.streaming.pubsub_errors import is_session_refused
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.eventbus import pubsub_api_pb2 as wire, pubsub_api_pb2_grpc as service
from schemas.salesforce.limits import EVENT_MAX_BYTES, PUBSUB_MAX_OUTSTANDING

_CALL_SECONDS = 30
_UNKNOWN_SECONDS = 60
"""Time in which an unknown schema id is not asked for again."""
_OPTIONS = (
    # One response may hold all that was asked for; gRPC's default of 4 MB would end the stream.
    ("grpc.max_receive_message_length", PUBSUB_MAX_OUTSTANDING * EVENT_MAX_BYTES + 2**20),
    # `https_proxy` and `no_proxy` of the environment are honoured, as by every other client.
    ("grpc.enable_http_proxy", 1),
)


class PubsubConnection:
    """One for a process. The connection is open while somebody uses it."""

    def __init__(self, sessions: SessionSource, address: PubsubAddress, catalogue: Catalogue) -> None:
        self._sessions = sessions
        self._address = address
        self._catalogue = catalogue
        self._channel: grpc.aio.Channel | None = None
        self._users = 0
        self._decoders: dict[str, EventDecoder] = {}
        self._unknown: dict[str, float] = {}
        self._fetching = asyncio.Lock()

    @asynccontextmanager
    async def stub(self) -> AsyncIterator[Any]:
        """The service's stub on the shared connection. Raises `SettingsError` when the CA file
        cannot be read.
        """
        if self._channel is None:
            self._channel = grpc.aio.secure_channel(
                self._address.endpoint, self._credentials(), options=_OPTIONS
            )
        channel = self._channel
        self._users += 1
        try:
            yield service.PubSubStub(channel)
        finally:
            self._users -= 1
            if self._users == 0:
                self._channel = None
                await run_to_completion(channel.close())

    async def session(self) -> Session:
        """The session that all subscriptions use."""
        return await self._sessions.session()

    async def renew(self, refused: Session) -> Session:
        """A newer session than the one that was refused."""
        return await self._sessions.renew(refused)

    def metadata(self, session: Session) -> tuple[tuple[str, str], ...]:
        """Metadata of every call (Pub/Sub API Guide, "Supported Authentication")."""
        return (
            ("accesstoken", session.access_token),
            ("instanceurl", session.instance_url),
            ("tenantid", self._address.org_id),
        )

    def known_decoder(self, schema_id: str) -> EventDecoder | None:
        """The decoder of a schema that was met before."""
        return self._decoders.get(schema_id)

    def forget_decoders(self) -> None:
        """Make them again, because the catalogue says otherwise what is a date."""
        self._decoders.clear()

    async def decoder(self, stub: Any, schema_id: str) -> EventDecoder | None:
        """The decoder of a schema, asked for at its first event; None when nobody knows the schema
        or it is no Avro.

        Raises `grpc.aio.AioRpcError` when Salesforce cannot be asked.
        """
        async with self._fetching:
            found = self._decoders.get(schema_id)
            if found is None and self._unknown.get(schema_id, 0.0) <= time.monotonic():
                found = await self._fetch(stub, schema_id)
                if found is None:
                    self._unknown[schema_id] = time.monotonic() + _UNKNOWN_SECONDS
                else:
                    self._decoders[schema_id] = found
            return found

    async def topic(self, stub: Any, channel: str, *, seconds: float) -> Any:
        """The topic of a channel (`TopicInfo`). Raises `grpc.aio.AioRpcError`, also when no answer
        comes within `seconds`.
        """

        async def ask(session: Session) -> Any:
            request = wire.TopicRequest(topic_name=channel)
            outcome = "refused"
            try:
                answer = await stub.GetTopic(request, metadata=self.metadata(session), timeout=seconds)
                outcome = "ok"
                return answer
            finally:
                count_unpaid("pubsub_topic", outcome)

        return await self._with_session(ask)

    async def _fetch(self, stub: Any, schema_id: str) -> EventDecoder | None:
        async def ask(session: Session) -> Any:
            request = wire.SchemaRequest(schema_id=schema_id)
            outcome = "refused"
            try:
                answer = await stub.GetSchema(request, metadata=self.metadata(session), timeout=_CALL_SECONDS)
                outcome = "ok"
                return answer
            finally:
                count_unpaid("pubsub_schema", outcome)

        try:
            answer = await self._with_session(ask)
            return EventDecoder(answer.schema_json, self._catalogue)
        except UndecodableError:
            return None
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise

    async def _with_session(self, ask: Callable[[Session], Awaitable[Any]]) -> Any:
        session = await self.session()
        try:
            return await ask(session)
        except grpc.aio.AioRpcError as error:
            if not is_session_refused(error):
                raise
        return await ask(await self.renew(session))

    def _credentials(self) -> grpc.ChannelCredentials:
        ca_file = self._address.ca_file or ca_bundle("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
        try:
            roots = None if ca_file is None else Path(ca_file).read_bytes()
        except OSError as error:
            raise SettingsError(
                f"The CA file {ca_file} cannot be read: {error}. "
                "Correct TIDEGATE_SALESFORCE__CA_FILE, or SSL_CERT_FILE of the environment."
            ) from error
        return grpc.ssl_channel_credentials(roots)
