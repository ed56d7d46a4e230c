"""The warehouse's part of a look at the engine, with a ledger of ten million rows.

Real PostgreSQL; the rows are spread over 77 days, as 130,000 a day make them. The second figure is
without the index that the look's predicate goes by.

    python -m benchmarks.status [--rows 10000000] [--looks 20]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psycopg

from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import LEDGER
from clients.warehouse.status_look import WarehouseLook
from sandbox import postgres
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from schemas.catalogue import default_catalogue

_A_DAY = 130_000
_FILL = f"""
    INSERT INTO {LEDGER} (batch, object, lane, start_position, end_position, raw_key, landed, applied,
        duplicate, quarantined, rebuilt, first_changed_at, last_changed_at, first_received_at,
        last_received_at, committed_at)
    SELECT 'changes/' || n, 'Object' || n %% 6, 'lane-' || n %% 12, n::text, (n + 1)::text, 'k', 250, 240, 8,
        2, 0, t - INTERVAL '9 s', t - INTERVAL '5 s', t - INTERVAL '4 s', t - INTERVAL '3 s', t
    FROM (SELECT n, NOW() - (%s::int - n) * INTERVAL '1 day' / {_A_DAY} AS t FROM generate_series(1, %s::int) AS n) AS m
"""


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--looks", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server's user must be able to enter it
        parts, port = ProcessGroup(folder), free_port()
        try:
            postgres.start_postgres(parts, folder / "postgres", port=port, databases=("warehouse",))
            return _measure(postgres.dsn(port, "warehouse"), asked.rows, asked.looks)
        finally:
            parts.stop()


def _measure(dsn: str, rows: int, looks: int) -> int:
    warehouse = PostgresWarehouse(dsn)
    warehouse.ensure_tables(default_catalogue())
    warehouse.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        began = time.monotonic()
        connection.execute(_FILL.encode(), [rows, rows])
        connection.execute(f"ANALYZE {LEDGER}".encode())
        _say(f"{rows:,} rows in {time.monotonic() - began:.0f} s")
        look = WarehouseLook(dsn, seconds=60)
        _say(f"with the index: {_seconds(look.ask, looks)}")
        connection.execute(b"DROP INDEX ops.ledger_committed")
        _say(f"without it: {_seconds(look.ask, 3)}")
        look.close()
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _seconds(ask: Callable[[], object], times: int) -> str:
    took = []
    for _ in range(times):
        began = time.monotonic()
        ask()
        took.append(time.monotonic() - began)
    return f"median {median(took):.2f} s, worst {max(took):.2f} s of {times} looks"


if __name__ == "__main__":
    sys.exit(main())
