"""`python -m sandbox.redshift`: the stand-in as a process, until SIGTERM."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from sandbox.redshift.credentials import Credentials
from sandbox.redshift.latency import Latency
from sandbox.redshift.load.storage import Role, Storage, StorageAddress
from sandbox.redshift.server import StandIn
from sandbox.redshift.statement_times import StatementTimes
from sandbox.redshift.wire.backend import Server
from sandbox.redshift.wire.login import User

SECRETS = "TIDEGATE_SANDBOX_REDSHIFT"
"""Environment variable: JSON with `users`, a list of [name, password, method, role]; `roles`, a
list of [ARN, patterns that are read, patterns that are written]; `access_key` and `secret_key`
of S3 and of the calls that give temporary logins; `names` of the cluster and of the workgroup;
`owner`, the PostgreSQL role behind temporary logins.
"""
COMMIT_MS, COPY_MS = "TIDEGATE_SANDBOX_COMMIT_MS", "TIDEGATE_SANDBOX_COPY_MS"
STATEMENT_TIMES = "TIDEGATE_SANDBOX_STATEMENT_TIMES"
"""Defaults of the options of the same name, for a stand-in that a sandbox starts."""


async def _serve(asked: argparse.Namespace) -> None:
    secrets = json.loads(os.environ[SECRETS])
    users = {
        name: User(name, password, method, role=role) for name, password, method, role in secrets["users"]
    }
    roles = tuple(Role(arn, tuple(reads), tuple(writes)) for arn, reads, writes in secrets["roles"])
    address = StorageAddress(asked.s3, secrets["access_key"], secrets["secret_key"])
    tls = None
    if asked.certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(asked.certificate)
    stand_in = StandIn(
        Server(asked.postgres),
        Storage(address, roles),
        users,
        tls=tls,
        requires_tls=asked.require_tls,
        isolation=asked.isolation,
        latency=Latency(asked.commit_ms, asked.copy_ms),
        times=StatementTimes(Path(asked.statement_times) if asked.statement_times else None),
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await stand_in.listen(asked.host, asked.port):
        if asked.api_port is None:
            await stop.wait()
            return
        given = Credentials(users, secrets["access_key"], frozenset(secrets["names"]), secrets["owner"])
        config = uvicorn.Config(given.app(), host=asked.host, port=asked.api_port, log_level="warning")
        api = _Api(config)
        serving = asyncio.create_task(api.serve())
        await stop.wait()
        api.should_exit = True
        await serving


class _Api(uvicorn.Server):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """Serve until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(prog="sandbox.redshift", description="A stand-in for Amazon Redshift.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--postgres", type=int, required=True, help="port of the PostgreSQL behind it")
    parser.add_argument("--api-port", type=int, help="port of AWS' calls that give temporary logins")
    parser.add_argument("--s3", required=True, help="URL of the object store")
    parser.add_argument("--certificate", type=Path, help="PEM file with key and certificate: offer TLS")
    parser.add_argument("--require-tls", action="store_true")
    parser.add_argument("--isolation", choices=("snapshot", "serializable"), default="snapshot")
    parser.add_argument(
        "--commit-ms",
        type=float,
        default=os.environ.get(COMMIT_MS, "0"),
        help="milliseconds of a commit, one after the other",
    )
    parser.add_argument(
        "--copy-ms",
        type=float,
        default=os.environ.get(COPY_MS, "0"),
        help="least milliseconds of a COPY",
    )
    parser.add_argument(
        "--statement-times",
        default=os.environ.get(STATEMENT_TIMES, ""),
        help="file for how long each statement took, as JSON lines; empty: none",
    )
    asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
