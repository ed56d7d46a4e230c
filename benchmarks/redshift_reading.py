"""One reading of a large object before the stand-in for Redshift, as a reconciliation of all its
records does it: by UNLOAD, and by pages through the leader.

The stand-in writes an UNLOAD's files by itself in one process, and PostgreSQL answers its pages. So
what is measured is our side of each way, and the work that it asks for, not a cluster's speed.

    python -m benchmarks.redshift_reading [--records 600000] [--rows-at-once 50000] [--times 1]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from activities.reconcile.export_rows import exported_rows
from cli.local.engine_processes import settings_of
from clients.warehouse import Warehouse
from clients.warehouse.sql.apply import current_table
from clients.warehouse.sql.reconcile import read_every_fact, read_facts
from sandbox.stack import Ports, running_sandbox
from schemas.catalogue import ObjectSpec
from schemas.tables import Column, Kind, arrow_schema, current_columns, field_column
from workers.clients import open_clients
from workers.settings import Settings

_MADE_AT_ONCE = 100_000
_NOW = datetime(2026, 3, 4, 5, 6, 7, 891_000, tzinfo=UTC)


def main() -> int:
    """Print seconds, our processor seconds and our memory of each way."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="tidegate-reading-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user and must be able to enter
        with running_sandbox(folder / "state", ports=Ports(redshift=0)) as sandbox:
            parts = open_clients(Settings.model_validate(settings_of(sandbox.endpoints)))
            spec = parts.catalogue.object("Case")
            fields = [field_column(spec.columns[name], spec.fields[name]) for name in spec.fields]
            _fill(parts.warehouse, spec, asked.records)
            for _ in range(asked.times):
                unloaded = exported_rows(parts.warehouse, read_every_fact(spec, fields))
                _show("UNLOAD", asked.records, unloaded)
                _show("pages", asked.records, _pages(parts.warehouse, spec, fields, asked.rows_at_once))
    return 0


def _fill(warehouse: Warehouse, spec: ObjectSpec, records: int) -> None:
    columns = current_columns(spec)
    for first in range(0, records, _MADE_AT_ONCE):
        count = min(_MADE_AT_ONCE, records - first)
        filled = {column.name: _values(column, first, count) for column in columns}
        rows = pa.table([filled[column.name] for column in columns], schema=arrow_schema(columns))
        with warehouse.transaction() as transaction:
            transaction.load(current_table(spec), columns, rows)


def _values(column: Column, first: int, count: int) -> pa.Array:
    """`count` values of a column, of which texts are short."""
    places = range(first, first + count)
    if column.name == "record_id":
        return pa.array([f"500{place:012d}AAA" for place in places], column.arrow)
    if column.name in ("is_complete", "is_deleted"):
        return pa.array([column.name == "is_complete"] * count, column.arrow)
    made: dict[Kind, Any] = {Kind.BOOLEAN: True, Kind.TIMESTAMP: _NOW, Kind.DATE: _NOW.date()}
    if column.kind in made:
        return pa.array([made[column.kind]] * count, column.arrow)
    if column.kind is Kind.TEXT:
        return pa.array([f"{place % 1000:03d}"[: column.size or 3] for place in places], column.arrow)
    return pa.array([place % 1000 for place in places]).cast(column.arrow)


def _pages(
    warehouse: Warehouse, spec: ObjectSpec, fields: list[Column], limit: int
) -> Iterator[list[tuple[Any, ...]]]:
    """As `activities/reconcile/compare_digests.py` asks for them."""
    after, statement = "", read_facts(spec, fields, limit)
    with warehouse.reading() as reading:
        while rows := reading.fetch(statement, [after]):
            yield rows
            if len(rows) < limit:
                return
            after = rows[-1][0]


def _show(way: str, records: int, pages: Iterator[list[tuple[Any, ...]]]) -> None:
    began, used = time.monotonic(), sum(psutil.Process().cpu_times()[:2])
    first, rows = 0.0, 0
    for page in pages:
        first = first or time.monotonic() - began
        rows += len(page)
    took, spent = time.monotonic() - began, sum(psutil.Process().cpu_times()[:2]) - used
    if rows != records:
        raise SystemExit(f"{way} gave {rows} rows, not {records}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{way}: {rows:,} rows in {took:.1f} s, the first after {first:.1f} s, {spent:.1f} s of our processor, "
        f"peak of our memory so far {peak:.0f} MB; load of the machine {os.getloadavg()[0]:.1f}\n"
    )
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.redshift_reading", description=__doc__)
    parser.add_argument("--records", type=int, default=600_000)
    parser.add_argument("--rows-at-once", type=int, default=50_000)
    parser.add_argument(
        "--times", type=int, default=1, help="how often both ways are taken, one after the other"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
