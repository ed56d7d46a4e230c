"""A frontend of Temporal with TLS. It demands a certificate or an API key of its clients."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio


@dataclass
class Front:
    """A started frontend."""

    port: int = 0
    api_key: str | None = None
    """None = it asks for none."""
    seen_keys: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"


class _Forward(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    def __init__(self, front: Front, channel: grpc.aio.Channel) -> None:
        self._front = front
        self._channel = channel

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = self._channel.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(self._handler(method))

    def _handler(self, method: Any) -> Callable[[bytes, Any], Any]:
        async def handle(request: bytes, context: Any) -> bytes:
            given = dict(context.invocation_metadata())
            key = str(given.get("authorization", "")).removeprefix("Bearer ")
            self._front.seen_keys.append(key)
            if self._front.api_key is not None and key != self._front.api_key:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown key")
            passed = [
                (name, value)
                for name, value in given.items()
                if name.startswith(("client-", "temporal-", "x-", "supported-"))
            ]
            try:
                answer: bytes = await method(request, metadata=passed, timeout=context.time_remaining())
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", error.trailing_metadata())
                raise
            return answer

        return handle


@asynccontextmanager
async def temporal_front(
    server: str, credentials: grpc.ServerCredentials, *, api_key: str | None = None, port: int = 0
) -> AsyncIterator[Front]:
    """Serve before `server`, host:port."""
    front = Front(api_key=api_key)
    async with grpc.aio.insecure_channel(server) as channel:
        serving = grpc.aio.server()
        serving.add_generic_rpc_handlers((_Forward(front, channel),))
        front.port = serving.add_secure_port(f"localhost:{port}", credentials)
        await serving.start()
        try:
            yield front
        finally:
            await serving.stop(None)
