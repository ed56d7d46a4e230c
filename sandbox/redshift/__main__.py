"""`python -m sandbox.redshift`: the stand-in as a process, until SIGTERM."""

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from pathlib import Path

from sandbox.redshift.latency import Latency
from sandbox.redshift.load.storage import Role, Storage, StorageAddress
from sandbox.redshift.server import StandIn
from sandbox.redshift.wire.backend import Server
from sandbox.redshift.wire.login import User

SECRETS = "TIDEGATE_SANDBOX_REDSHIFT"
"""Environment variable: JSON with `users`, a list of [name, password, method, role]; `roles`, a list
of [ARN, patterns that are read, patterns that are written]; `access_key` and `secret_key` of S3.
"""


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
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await stand_in.listen(asked.host, asked.port):
        await stop.wait()


def main() -> int:
    """Serve until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(prog="sandbox.redshift", description="A stand-in for Amazon Redshift.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--postgres", type=int, required=True, help="port of the PostgreSQL behind it")
    parser.add_argument("--s3", required=True, help="URL of the object store")
    parser.add_argument("--certificate", type=Path, help="PEM file with key and certificate: offer TLS")
    parser.add_argument("--require-tls", action="store_true")
    parser.add_argument("--isolation", choices=("snapshot", "serializable"), default="snapshot")
    parser.add_argument(
        "--commit-ms", type=float, default=0, help="milliseconds of a commit, one after the other"
    )
    parser.add_argument("--copy-ms", type=float, default=0, help="least milliseconds of a COPY")
    asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
