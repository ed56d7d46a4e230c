"""The cost of Iceberg tables that pyiceberg writes: the change log appended to at each commit, a
table of current states kept up to date, small files and their compaction; beside plain Parquet.

The engine's S3 emulator is started; all writes are in a process of an environment of its own,
which has pyiceberg, s3fs and DuckDB, whose pins are not the engine's:

    python3 -m venv .venv-clients/iceberg
    .venv-clients/iceberg/bin/pip install 'pyiceberg[pyarrow,sql-sqlite,s3fs]==0.12.0' duckdb
    .venv/bin/python -m benchmarks.iceberg [--python .venv-clients/iceberg/bin/python]

Processor time is the writer's alone, a change: the engine's own road takes some 300 µs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BATCH = 4_000
"""Changes: two seconds of a surge of 120,000 a minute."""
_TEXT_LENGTH = 400
_BUCKET = "tidegate"


def main() -> None:
    """In the engine's environment: S3, then this file again in the other one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=".venv-clients/iceberg/bin/python")
    parser.add_argument("--batches", type=int, default=15, help="Commits of each step.")
    parser.add_argument("--records", type=int, default=200_000, help="Rows of the table of states.")
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.endpoint is not None:
        sys.stdout.write(json.dumps(_measured(given), indent=2) + "\n")
        return
    from sandbox import objectstore
    from sandbox.ports import free_port
    from sandbox.processes import ProcessGroup

    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        group, port = ProcessGroup(Path(folder)), free_port()
        objectstore.start_objectstore(group, Path(folder) / "s3", port=port)
        command = [given.python, __file__, "--endpoint", objectstore.endpoint(port)]
        command += ["--batches", str(given.batches), "--records", str(given.records)]
        # pyiceberg's defaults may read a file of the user's.
        environment = os.environ | {"PYICEBERG_HOME": folder, "AWS_EC2_METADATA_DISABLED": "true"}
        try:
            subprocess.run(command, check=True, env=environment)  # noqa: S603 -- ours
        finally:
            group.stop()


def _measured(given: argparse.Namespace) -> dict[str, Any]:
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog

    with tempfile.TemporaryDirectory() as folder:
        catalog = SqlCatalog(
            "bench",
            uri=f"sqlite:///{folder}/catalog.db",
            warehouse=f"s3://{_BUCKET}/iceberg",
            **_s3(given.endpoint),
        )
        catalog.create_namespace("curated")
        schema = _rows(pa, 0, 1, 1).schema
        log = catalog.create_table("curated.case_change", schema)
        found: dict[str, Any] = {"append_a_commit": _appends(pa, log, given)}
        found["compaction"] = _compaction(log)
        found["read_after_compaction_s"] = _read(log)
        current = catalog.create_table("curated.case_current", schema)
        current.append(_rows(pa, 0, given.records, given.records))
        found["upsert_a_commit"] = _upserts(pa, current, given)
        found["overwrite_all"] = _overwrite(pa, current, given.records)
        found["append_an_hour_at_once"] = _hour(pa, catalog, schema, given)
        found["plain_parquet_a_commit"] = _plain(pa, given)
    return found


def _s3(endpoint: str) -> dict[str, str]:
    return {
        "s3.endpoint": endpoint,
        "s3.access-key-id": "test",
        "s3.secret-access-key": "test",
        "s3.region": "us-east-1",
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
    }


def _rows(pa: Any, first: int, count: int, records: int) -> Any:
    """Changes of cases, with a text of some hundred characters that does not compress to
    nothing.
    """
    chance = random.Random(first)  # noqa: S311 -- the same rows every time
    now = datetime.now(UTC)
    pool = [f"{chance.getrandbits(8 * _TEXT_LENGTH // 2):x}" for _ in range(64)]
    ids = range(count) if count == records else chance.sample(range(records), min(count, records))
    numbers = list(ids) if count <= records else [chance.randrange(records) for _ in range(count)]
    return pa.table(
        {
            "record_id": [f"500{number:012d}AAA" for number in numbers],
            "change_order": [f"{first + place:024d}" for place in range(count)],
            "status": [f"s{(first + place) % 7}" for place in range(count)],
            "subject": [f"Case {number}" for number in numbers],
            "description": [pool[(first + place) % 64] for place in range(count)],
            "applied_at": pa.array([now] * count, pa.timestamp("us", tz="UTC")),
        }
    )


class _Timed:
    """Seconds and processor time of what is done inside, for so many changes."""

    def __init__(self, changes: int) -> None:
        self._changes, self.said = changes, dict[str, float]()

    def __enter__(self) -> "_Timed":
        self._wall, self._cpu = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        cpu = time.process_time() - self._cpu
        self.said = {
            "seconds": round(time.monotonic() - self._wall, 2),
            "processor_s": round(cpu, 2),
            "us_a_change": round(1e6 * cpu / self._changes, 1),
        }


def _appends(pa: Any, table: Any, given: argparse.Namespace) -> dict[str, Any]:
    batches = [_rows(pa, n * _BATCH, _BATCH, given.records) for n in range(given.batches)]
    walls = []
    with _Timed(given.batches * _BATCH) as timed:
        for each in batches:
            began = time.monotonic()
            table.append(each)
            walls.append(round(time.monotonic() - began, 2))
    files = table.inspect.files().num_rows
    return timed.said | {
        "commits": given.batches,
        "first_commit_s": walls[0],
        "last_commit_s": walls[-1],
        "data_files": files,
        "bytes_of_metadata_a_commit": len(table.io.new_input(table.metadata_location)) // given.batches,
        "objects_a_day_at_2_s": 43_200 * 4,
    }


def _compaction(table: Any) -> dict[str, Any]:
    rows = table.scan().to_arrow()
    with _Timed(rows.num_rows) as timed:
        table.overwrite(table.scan().to_arrow())
    return timed.said | {"rows": rows.num_rows, "data_files": table.inspect.files().num_rows}


def _read(table: Any) -> float:
    began = time.monotonic()
    table.scan(row_filter="status = 's1'").to_arrow()
    return round(time.monotonic() - began, 2)


def _upserts(pa: Any, table: Any, given: argparse.Namespace) -> dict[str, Any]:
    count = 3
    with _Timed(count * _BATCH) as timed:
        for number in range(count):
            table.upsert(_rows(pa, number * _BATCH + 1, _BATCH, given.records), join_cols=["record_id"])
    return timed.said | {"commits": count, "rows_of_the_table": given.records}


def _overwrite(pa: Any, table: Any, records: int) -> dict[str, Any]:
    rows = _rows(pa, 0, records, records)
    with _Timed(records) as timed:
        table.overwrite(rows)
    return timed.said | {"rows": records}


def _hour(pa: Any, catalog: Any, schema: Any, given: argparse.Namespace) -> dict[str, Any]:
    """A commit of many changes at once, as an hourly export makes it."""
    table, count = catalog.create_table("curated.hourly_change", schema), given.batches * _BATCH
    rows = _rows(pa, 0, count, given.records)
    with _Timed(count) as timed:
        table.append(rows)
    return timed.said | {"changes": count, "data_files": table.inspect.files().num_rows}


def _plain(pa: Any, given: argparse.Namespace) -> dict[str, Any]:
    """The same batches as Parquet files, without a table."""
    import pyarrow.parquet as pq
    from pyarrow.fs import S3FileSystem

    batches = [_rows(pa, n * _BATCH, _BATCH, given.records) for n in range(given.batches)]
    s3 = S3FileSystem(
        access_key="test",
        secret_key="test",  # noqa: S106 -- the emulator's
        endpoint_override=given.endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
    )
    with _Timed(given.batches * _BATCH) as timed:
        for number, each in enumerate(batches):
            pq.write_table(each, f"{_BUCKET}/plain/{number}.parquet", filesystem=s3, compression="zstd")
    return timed.said | {"files": given.batches}


if __name__ == "__main__":
    main()
