"""The audit log at a million rows: the cost of an act, and of holding the log against its anchors.

    python -m benchmarks.audit_log --rows 1000000

Rows are chained in Python and loaded by COPY. Times are of the wall and of this process alone; on a
machine that does other things the second one is the comparable one.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from clients.audit.anchors import Anchors
from clients.audit.locked_objects import LockedObjects
from clients.audit.signing import AnchorSigner
from clients.audit.verify import verify_log
from clients.database.audit_chain import BEFORE_FIRST, VERSION, ChainRow
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from sandbox import objectstore, postgres
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from schemas.ingest.messages import Act
from schemas.security.audit import AuditVerdict

_DATABASE = "audit"
_APPENDED = 200
_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def load(dsn: str, count: int) -> None:
    """Fill the log with so many rows, each chained to the one before it."""
    previous = BEFORE_FIRST
    columns = ", ".join(ChainRow.__slots__)
    with (
        psycopg.connect(dsn) as connection,
        connection.cursor().copy(f"COPY audit_log ({columns}) FROM STDIN".encode()) as copy,
    ):
        for number in range(1, count + 1):
            said = (
                number,
                VERSION,
                _BEGAN + timedelta(seconds=number),
                "writeback.batch",
                "tidegate",
                f"writebacks/Case/{number}.0",
                f"done 200; attempts {number:064x}",
                "",
                previous,
            )
            previous = ChainRow(*said, hash="").own_hash()
            copy.write_row((*said, previous))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE audit_log")


def append(log: AuditLog) -> None:
    """Some acts, one after the other."""
    for number in range(_APPENDED):
        at = datetime.now(UTC) + timedelta(microseconds=number)
        log.append(Act(act="lane.pause", by="ada", target="lane/o/c", detail=str(number), at=at))


def timed(what: str, does: Callable[[], object], per: int) -> None:
    """Do it, and print how long it took, in all and for one of `per`."""
    wall, own = time.monotonic(), time.process_time()
    does()
    wall, own = time.monotonic() - wall, time.process_time() - own
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{what}: {wall:.2f} s, {own:.2f} s of this process; {wall / per * 1e3:.3f} ms each, peak {peak:.0f} MB\n"
    )


def main() -> None:
    """Measure on servers of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="tidegate-audit-") as folder:
        Path(folder).chmod(0o755)
        group = ProcessGroup(Path(folder))
        try:
            port, s3 = free_port(), free_port()
            postgres.start_postgres(group, Path(folder, "postgres"), port=port, databases=(_DATABASE,))
            objectstore.start_objectstore(group, Path(folder, "s3"), port=s3)
            _measure(postgres.dsn(port, _DATABASE), _anchors(s3), count)
        finally:
            group.stop()


def _anchors(port: int) -> Anchors:
    address = S3Address(
        objectstore.BUCKET,
        objectstore.REGION,
        objectstore.KEY_ALIAS,
        objectstore.endpoint(port),
        objectstore.ACCESS_KEY,
        objectstore.SECRET_KEY,
    )
    objects = LockedObjects(address, objectstore.AUDIT_BUCKET)
    return Anchors(objects, AnchorSigner(address, objectstore.SIGNING_ALIAS), "bench", keep_days=1)


def _measure(dsn: str, anchors: Anchors, count: int) -> None:
    with closing(AuditLog(dsn)) as log:
        log.ensure_tables()
        timed("append to an empty log", lambda: append(log), _APPENDED)
        with psycopg.connect(dsn) as connection:
            connection.execute("TRUNCATE audit_log")
        timed(f"load {count:,} rows", lambda: load(dsn, count), count)
        timed(f"append to {count:,} rows", lambda: append(log), _APPENDED)
        timed("anchor them", lambda: anchors.write(log), count)
        verdicts: list[AuditVerdict] = []
        timed("verify them", lambda: verdicts.append(verify_log(log, anchors)), count)
        for problem in verdicts[0].problems[:3]:
            sys.stdout.write(f"{problem}\n")
        sys.stdout.write(f"{verdicts[0].acts:,} acts, {verdicts[0].anchors} anchors\n")


if __name__ == "__main__":
    main()
