"""`python -m sandbox.org --port P --data DIR`: one org, served until SIGTERM."""

import argparse
import gc
import signal
import socket
from pathlib import Path

import uvicorn

from sandbox.org.app import build_app, open_org
from sandbox.org.model import Org
from sandbox.org.pubsub.server import PubSubAddress
from schemas.limits import DAILY_API_REQUESTS

_STOP_SECONDS = 3


class OrgServer(uvicorn.Server):
    """uvicorn, but held connects are let go before it waits for its connections to end."""

    def __init__(self, config: uvicorn.Config, org: Org) -> None:
        super().__init__(config)
        self._org = org

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._org.bus.close()
        await super().shutdown(sockets)


def main() -> None:
    """Serve the org of the arguments."""
    parser = argparse.ArgumentParser(prog="sandbox.org", description="A Salesforce org on this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the org's state; made when missing"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--edition", choices=sorted(DAILY_API_REQUESTS), default="unlimited")
    parser.add_argument(
        "--catalogue", type=Path, default=None, help="object catalogue; the one that ships by default"
    )
    parser.add_argument(
        "--pubsub-port", type=int, default=None, help="also serve the Pub/Sub API (gRPC) there"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="METER=N",
        help="an allocation that is not the edition's, such as delivered_events=4500000",
    )
    arguments = parser.parse_args()
    org = open_org(arguments.data, edition=arguments.edition, catalogue=arguments.catalogue)
    for name, _, maximum in (pair.partition("=") for pair in arguments.allow):
        if name not in org.meters.by_name() or not maximum.isdigit():
            parser.error(f"--allow takes METER=N with one of {', '.join(org.meters.by_name())}")
        org.meters.by_name()[name].maximum = int(maximum)
    pubsub = None if arguments.pubsub_port is None else PubSubAddress(arguments.host, arguments.pubsub_port)
    config = uvicorn.Config(
        build_app(org, pubsub=pubsub),
        host=arguments.host,
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_STOP_SECONDS,
        server_header=False,
    )
    # uvicorn raises the signal again once it has stopped; this is then all there is left to do.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    # What exists now lives as long as the process; the collector need not look at it again.
    gc.freeze()
    OrgServer(config, org).run()


if __name__ == "__main__":
    main()
