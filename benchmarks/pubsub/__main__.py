"""Events a second over the Pub/Sub API: Tidegate's client beside the two that others published, at
several round trips.

One org, one set of events, one run. Every subscription reads a channel of its own from the
earliest event on; the channels carry the same events, so the org encodes each once. A proxy
makes the round trip. A client's rate counts from its first hundred events a subscription on;
logins and schemas are left out. Each client decodes every event.

    python -m benchmarks.pubsub [--seconds 8] [--events 15000] [--clients tidegate,…] [--json]

The other clients live in environments of their own: `make test-clients` installs them.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.pubsub.delay_proxy import delayed
from clients.salesforce.session import SalesforceAddress, SessionSource
from clients.salesforce.streaming.pubsub import open_pubsub_stream
from clients.salesforce.streaming.pubsub_address import PubsubAddress
from clients.salesforce.streaming.pubsub_connection import PubsubConnection
from sandbox.processes import wait_until
from schemas.catalogue import default_catalogue
from schemas.salesforce.limits import PUBSUB_MAX_OUTSTANDING
from tests.real_clients import client as others
from tests.real_clients.org import SalesforceOrg

OURS, NODE, PYTHON = "tidegate", "salesforce-pubsub-api-client", "aiosfpubsub"
CLIENTS = (OURS, NODE, PYTHON)
CASES = [(0, 1), (0, 4), (0, 8), (50, 1), (50, 4), (50, 8), (100, 8), (200, 1), (200, 4), (200, 8)]
"""Round trip in milliseconds, subscriptions."""
MOST_SUBSCRIPTIONS = 8
_SLOW_SECONDS = 11.0
"""aiosfpubsub asks for a hundred events every five seconds: this long shows two of its steps."""
_LUMPY_SECONDS = 20.0
"""The Node client far away: its events come in lumps of all its subscriptions, seconds apart."""
_FAR = 100
_SKIPPED = PUBSUB_MAX_OUTSTANDING
"""Events of a subscription that are not counted: with them come the schemas."""
_EVENT = default_catalogue().objects["ServiceRequest__c"].event_name
_SHARE = 0.3
"""At least so much of the org's traffic is of this object."""
_UNLIMITED = 1_000_000_000


class BenchOrg(SalesforceOrg):
    """An org with custom channels, reached over a round trip of our choice."""

    through: int | None = None
    """Port of the proxy before the Pub/Sub API; None: directly."""

    @property
    def pubsub_port(self) -> int:
        return self.through or self._ports["--pubsub-port"]

    def start(self) -> None:
        arguments = [text for name, port in self._ports.items() for text in (name, str(port))]
        command = [sys.executable, "-m", "benchmarks.pubsub.org", "--data", str(self.folder), *arguments]
        child = self._group.start("org", [*command, "--allow", f"delivered_events={_UNLIMITED}"])
        wait_until(self._serves, child)

    def fill_events(self, events: int) -> None:
        """At least so many events of one object on the bus, and the channels that carry them."""
        for number in range(1, MOST_SUBSCRIPTIONS + 1):
            name = f"Bench{number}__chn"
            self._tool("PlatformEventChannel", name, channelType="data", label=name)
            member = f"Bench{number}_chn_{_EVENT}"
            self._tool("PlatformEventChannelMember", member, eventChannel=name, selectedEntity=_EVENT)
        self.control("POST", "/traffic", {"rate_per_minute": 120_000, "seconds": events / 2_000 / _SHARE})
        while self.control("GET", "/traffic")["running"]:
            time.sleep(0.2)

    def _tool(self, kind: str, name: str, **metadata: str) -> None:
        self.rest("POST", f"/tooling/sobjects/{kind}", {"FullName": name, "Metadata": metadata})


@contextmanager
def running_org(folder: Path) -> Iterator[BenchOrg]:
    org = BenchOrg(folder)
    org.start()
    try:
        yield org
    finally:
        org.stop()


async def receive(given: dict[str, Any]) -> dict[str, Any]:
    """Our client: every topic a subscription, on one connection, decoded, until time or events are
    up.
    """
    sessions = SessionSource(
        SalesforceAddress(given["login_url"], given["client_id"], client_secret=given["client_secret"])
    )
    address = PubsubAddress(f"localhost:{given['pubsub_port']}", given["org_id"], Path(given["ca_file"]))
    connection = PubsubConnection(sessions, address, default_catalogue())
    marks: list[tuple[float, int, float]] = []
    received = 0

    async def drain(stream: Any) -> None:
        nonlocal received
        left = given["count"]
        while left > 0:
            messages = await stream.read(wait_seconds=1)
            left -= len(messages)
            received += len(messages)
            if received >= given["skip"]:
                marks.append((time.monotonic(), received, time.process_time()))
                if marks[-1][0] - marks[0][0] > given["seconds"]:
                    return

    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(
                open_pubsub_stream(connection, lane=topic, channel=topic, replay_id=-2)
            )
            for topic in given["topics"]
        ]
        await asyncio.gather(*(drain(stream) for stream in streams))
    (first, before, cpu), (last, after, cpu_now) = marks[0], marks[-1]
    return {"events": after - before, "seconds": last - first, "cpu_seconds": cpu_now - cpu}


def measure(org: BenchOrg, client: str, subscriptions: int, count: int, seconds: float) -> dict[str, Any]:
    """One client, once, in a process of its own."""
    topics = [f"/data/Bench{number}__chn" for number in range(1, subscriptions + 1)]
    given: dict[str, Any] = {"topics": topics, "warm_topic": f"/data/{_EVENT}"}
    given |= {"count": count, "seconds": seconds, "skip": subscriptions * _SKIPPED}
    if client == NODE:
        return dict(others.node_driver(org, NODE, "rate", auth="oauth-client-credentials", **given))
    if client == PYTHON:
        return dict(others.python_driver(org, PYTHON, "rate", **given | {"seconds": _SLOW_SECONDS}))
    where = {"login_url": org.url, "pubsub_port": org.pubsub_port, "ca_file": str(org.ca_file)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pubsub", "--receive"],
        input=json.dumps({**org.identity, **where, **given}),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        raise others.ClientError(done.stderr[-3000:])
    return dict(json.loads(done.stdout))


def results(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row a case and client."""
    wanted = arguments.clients.split(",")
    for name in (name for name in wanted if name not in CLIENTS):
        raise SystemExit(f"no client {name}; there are {', '.join(CLIENTS)}")
    with tempfile.TemporaryDirectory() as temporary, running_org(Path(temporary)) as org:
        count = arguments.events
        org.fill_events(count)
        measure(org, OURS, 1, count, 60)  # the org encodes every event
        for round_trip, subscriptions in CASES:
            with delayed(org._ports["--pubsub-port"], round_trip / 1000) as port:
                org.through = port
                for client in wanted:
                    is_lumpy = client == NODE and round_trip >= _FAR
                    seconds = _LUMPY_SECONDS if is_lumpy else arguments.seconds
                    found = measure(org, client, subscriptions, count, seconds)
                    yield {
                        "round_trip_ms": round_trip,
                        "subscriptions": subscriptions,
                        "client": client,
                        "events_a_second": round(found["events"] / found["seconds"]),
                        "cpu_us_an_event": round(found["cpu_seconds"] / max(found["events"], 1) * 1e6),
                        **{name: round(found[name], 3) for name in ("events", "seconds", "cpu_seconds")},
                    }


def main() -> None:
    """Measure every case and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of receiving, a case")
    parser.add_argument("--events", type=int, default=15_000, help="that a subscription can read")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.receive:
        sys.stdout.write(json.dumps(uvloop.run(receive(json.load(sys.stdin)))))
        return
    rows = []
    try:
        for row in results(arguments):
            rows.append(row)
            sys.stderr.write(f"{json.dumps(row)}\n")
    except others.ClientError as error:
        raise SystemExit(str(error)) from error
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        Console().print(as_table(rows))


def as_table(rows: list[dict[str, Any]]) -> Table:
    """Events a second by case and client, processor time of ours beside it."""
    clients = list(dict.fromkeys(row["client"] for row in rows))
    table = Table("round trip", "subscriptions", *clients, title="events a second (µs of processor an event)")
    for case in dict.fromkeys((row["round_trip_ms"], row["subscriptions"]) for row in rows):
        found = {r["client"]: r for r in rows if (r["round_trip_ms"], r["subscriptions"]) == case}
        cells = [f"{found[c]['events_a_second']:,} ({found[c]['cpu_us_an_event']})" for c in clients]
        table.add_row(f"{case[0]} ms", str(case[1]), *cells)
    return table


if __name__ == "__main__":
    main()
