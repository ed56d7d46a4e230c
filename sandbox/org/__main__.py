"""`python -m sandbox.org --port P --data DIR`: one org, served until SIGTERM."""

import argparse
import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.app import build_app, open_org
from sandbox.org.server.tls import Certificates, ensure_certificates
from sandbox.org.state.org import Org
from schemas.salesforce.limits import DAILY_API_REQUESTS

_STOP_SECONDS = 3


class OrgServer(uvicorn.Server):
    """uvicorn, but held connects are let go, and HTTPS has ended, before it waits for its own
    connections to end.
    """

    def __init__(self, config: uvicorn.Config, org: Org, beside: "SecondServer | None") -> None:
        super().__init__(config)
        self._org = org
        self._beside = beside
        self._task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._beside is not None:
            self._task = asyncio.get_running_loop().create_task(self._beside.serve())
            up = asyncio.create_task(self._beside.is_up.wait())
            await asyncio.wait((up, self._task), return_when=asyncio.FIRST_COMPLETED)
            up.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._org.bus.close()
        if self._beside is not None and self._task is not None:
            self._beside.should_exit = True
            await self._task
        await super().shutdown(sockets)


class SecondServer(uvicorn.Server):
    """Serves the same application at another port; the first server hears the signals and runs the
    lifespan.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the first server's."""
        yield


def main() -> None:
    """Serve the org of the arguments."""
    parser = _parser()
    arguments = parser.parse_args()
    org = open_org(arguments.data, edition=arguments.edition, catalogue=arguments.catalogue)
    for name, _, maximum in (pair.partition("=") for pair in arguments.allow):
        if name not in org.meters.by_name() or not maximum.isdigit():
            parser.error(f"--allow takes METER=N with one of {', '.join(org.meters.by_name())}")
        org.meters.by_name()[name].maximum = int(maximum)
    certificates = ensure_certificates(arguments.data, arguments.name)
    pubsub = None
    if arguments.pubsub_port is not None:
        pubsub = PubSubAddress(
            arguments.host, arguments.pubsub_port, certificates.certificate, certificates.key
        )
    app = build_app(org, pubsub=pubsub).state.outermost
    beside = None
    if arguments.tls_port is not None:
        beside = SecondServer(_config(app, arguments.host, arguments.tls_port, certificates))
    # uvicorn raises the signal again once it has stopped; this is then all there is left to do.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    # What exists now lives as long as the process; the collector need not look at it again.
    gc.freeze()
    server = OrgServer(_config(app, arguments.host, arguments.port, None), org, beside)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox.org", description="A Salesforce org on this machine.")
    parser.add_argument("--port", type=int, required=True, help="plain HTTP")
    parser.add_argument("--tls-port", type=int, default=None, help="HTTPS beside it; DATA/ca.pem is its CA")
    parser.add_argument("--pubsub-port", type=int, default=None, help="the Pub/Sub API: gRPC over TLS")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the org's state; made when missing"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--name", action="append", default=[], help="another host by which TLS clients reach the org"
    )
    parser.add_argument("--edition", choices=sorted(DAILY_API_REQUESTS), default="unlimited")
    parser.add_argument(
        "--catalogue", type=Path, default=None, help="object catalogue; the one that ships by default"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="METER=N",
        help="an allocation that is not the edition's, such as delivered_events=4500000",
    )
    return parser


def _config(app: ASGIApp, host: str, port: int, tls: Certificates | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="on" if tls is None else "off",
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_STOP_SECONDS,
        server_header=False,
        date_header=False,  # the org tells its own time
    )


if __name__ == "__main__":
    main()
