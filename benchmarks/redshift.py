"""Freshness before the stand-in for Redshift, whose commits and loads take their time.

The whole sandbox and engine, a surge of changes, and the engine's turns on Redshift. Commits are
serial over the cluster: AWS' example of STL_COMMIT_STATS shows 617 ms for one. The figures say
nothing of a cluster's own speed.

    python -m benchmarks.redshift [--rate 120000] [--seconds 180] [--commit-ms 600] [--copy-ms 1500]
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from cli.local.measurements import freshness
from cli.local.surge import Surge, run_surge, wait_for_followers
from cli.local.up import running_all
from cli.state import settings_file
from sandbox.redshift.__main__ import COMMIT_MS, COPY_MS
from sandbox.stack import Ports
from schemas.catalogue import load_catalogue
from workers.settings import load_settings

_TABLES_SECONDS = 300
"""For the engine to start: each of ninety tables that it makes costs a commit."""


def main() -> int:
    """Print the figures as JSON. Exit code 1: changes are missing, or the server met a deadlock."""
    asked = _arguments()
    os.environ[COMMIT_MS], os.environ[COPY_MS] = str(asked.commit_ms), str(asked.copy_ms)
    with tempfile.TemporaryDirectory(prefix="tidegate-redshift-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user and must be able to enter
        with running_all(folder / "state", fresh=True, ports=Ports(redshift=0)) as running:
            wait_for_followers(running.endpoints, seconds=_TABLES_SECONDS)
            surge = run_surge(running.endpoints, rate=asked.rate, seconds=asked.seconds, seed=1)
            figures = _figures(running.endpoints.warehouse.dsn, folder / "state", surge)
    figures |= {name: getattr(asked, name) for name in ("rate", "seconds", "commit_ms", "copy_ms")}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    ledger = figures["ledger"]
    is_whole = ledger["landed"] == ledger["applied"] + ledger["duplicate"] + ledger["quarantined"]
    return 0 if is_whole and figures["sent"] <= ledger["landed"] and not figures["deadlocks"] else 1


def _figures(dsn: str, state: Path, surge: Surge) -> dict[str, Any]:
    """Of the PostgreSQL behind the stand-in. A turn writes its ledger rows in one transaction, and
    takes their time before it commits: add one commit to the freshness.
    """
    catalogue = load_catalogue(load_settings(settings_file(state)).catalogue)
    with psycopg.connect(dsn) as connection:
        fresh = freshness(connection, catalogue)
        ((turns, seconds),) = connection.execute(
            "SELECT COUNT(DISTINCT xmin::text), EXTRACT(EPOCH FROM MAX(committed_at) - MIN(committed_at)) FROM ops.ledger"
        ).fetchall()
        ((deadlocks,),) = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchall()
    return {
        "sent": surge.sent,
        "rate_per_minute": surge.rate_per_minute,
        "freshness_seconds": fresh["total"],
        "ours_seconds": fresh["ours"],
        "rest_seconds": round(surge.lag_at_end_seconds, 1),
        "ledger": asdict(surge.ledger),
        "commits_a_minute": round(60 * int(turns) / max(1.0, float(seconds or 0)), 1),
        "deadlocks": int(deadlocks),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.redshift", description=__doc__)
    parser.add_argument("--rate", type=int, default=120_000, help="changes a minute")
    parser.add_argument("--seconds", type=float, default=180, help="length of the surge")
    parser.add_argument("--commit-ms", type=float, default=600, help="milliseconds of a commit")
    parser.add_argument("--copy-ms", type=float, default=1_500, help="least milliseconds of a COPY")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
