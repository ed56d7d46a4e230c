"""One measured surge: traffic on the org, until every change of it is in the warehouse."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psycopg

from cli.local.measurements import LedgerSums, ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from clients.warehouse.sql import apply as sql
from sandbox.endpoints import Endpoints
from schemas.errors import UnavailableError

READY_SECONDS = 60.0
DRAIN_SECONDS = 120.0
"""How long the engine may take for the rest after the traffic's end."""


@dataclass(frozen=True)
class Surge:
    """The changes sent, and how the engine followed."""

    sent: int
    seconds: float
    lag_at_end_seconds: float
    """From the last change's commit until everything was applied; infinite when it never was."""
    ledger: LedgerSums
    planned_rate: int
    """Changes a minute that were asked for."""

    @property
    def rate_per_minute(self) -> int:
        return round(self.sent / self.seconds * 60)


def org_state(endpoints: Endpoints) -> dict[str, int]:
    """The org's counters: `changes_committed`, `cometd_clients`, `pubsub_streams`, …"""
    with httpx.Client(timeout=30, trust_env=False) as http:
        state: dict[str, int] = http.get(f"{endpoints.salesforce.control_url}/state").json()
    return state


def wait_for_followers(endpoints: Endpoints, *, seconds: float = READY_SECONDS) -> None:
    """Return when the engine listens to the org; raises `UnavailableError` when it does not within
    `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (state := org_state(endpoints))["cometd_clients"] + state["pubsub_streams"]:
        if time.monotonic() > deadline:
            raise UnavailableError(
                system="the engine",
                detail=f"no lane follows the org after {seconds:.0f} s; see its logs",
            )
        time.sleep(0.2)


def run_surge(
    endpoints: Endpoints,
    *,
    rate: int,
    seconds: float,
    seed: int,
    show: Callable[[float, str], None] = lambda *_: None,
    old_share: float = 0,
) -> Surge:
    """Send `rate` changes a minute for `seconds`, then wait for the engine. `show` gets seconds and
    a line of text. `old_share` of the changes hit records that were there before.
    """
    control = endpoints.salesforce.control_url
    before = org_state(endpoints)["changes_committed"]
    with psycopg.connect(endpoints.warehouse.dsn, autocommit=True) as connection:
        start_traffic(control, rate=rate, seconds=seconds, seed=seed, old_share=old_share)
        while (now := traffic_state(control))["running"]:
            behind = org_state(endpoints)["changes_committed"] - ledger_sums(connection, followed=True).landed
            show(now["elapsed_seconds"], f"{int(now['sent']):,} sent, {behind:,} under way")
            time.sleep(1)
        ended = time.monotonic()
        elapsed = traffic_state(control)["elapsed_seconds"]
        committed = org_state(endpoints)["changes_committed"]
        while (
            sums := ledger_sums(connection, followed=True)
        ).landed < committed and time.monotonic() < ended + DRAIN_SECONDS:
            show(elapsed, f"{committed - sums.landed:,} changes under way")
            time.sleep(0.2)
        lag = time.monotonic() - ended if sums.landed >= committed else float("inf")
        return Surge(committed - before, elapsed, lag, sums, rate)


def wait_for_rereads(endpoints: Endpoints) -> None:
    """Return when nothing waits to be read again, or after two minutes: an encrypted text whose
    change came as a diff is asked of the org.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    query = f"SELECT 1 FROM {sql.REREAD} WHERE closed_at IS NULL LIMIT 1".encode()
    with psycopg.connect(endpoints.warehouse.dsn, autocommit=True) as connection:
        while connection.execute(query).fetchone() is not None and time.monotonic() < deadline:
            time.sleep(0.2)
