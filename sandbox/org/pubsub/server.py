"""The gRPC server beside the org's HTTP: same process, same event loop, same sessions."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from sandbox.org.auth.sessions import Sessions
from sandbox.org.pubsub.handlers import PubSub
from sandbox.org.state.org import Org
from schemas.eventbus import pubsub_api_pb2_grpc as service


@dataclass(frozen=True, slots=True)
class PubSubAddress:
    """Where the Pub/Sub API is served."""

    host: str
    port: int
    certificate: Path | None = None
    """PEM files; with them it speaks TLS, as every client expects, without them plain HTTP/2."""
    key: Path | None = None


_OPTIONS = (
    ("grpc.max_receive_message_length", 5 * 2**20),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
)


def _credentials(key: Path, certificate: Path) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])


async def start_pubsub(org: Org, sessions: Sessions, at: PubSubAddress) -> grpc.aio.Server:
    """Serve the Pub/Sub API; the caller stops the server."""
    server = grpc.aio.server(options=_OPTIONS)
    service.add_PubSubServicer_to_server(PubSub(org, sessions), server)
    address = f"{at.host}:{at.port}"
    if at.certificate is None or at.key is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, _credentials(at.key, at.certificate))
    await server.start()
    return server
