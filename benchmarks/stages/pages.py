"""Memory and processor time of one page of a query job: read to raw, then staged, each in a fresh
process.

The page's rows are wide: long texts, most of which are encrypted. The org's answer comes from a
process of its own, gzipped and in pieces, as Bulk API sends it; S3 is the sandbox's. What a
process holds beyond its start is the page's.

    python -m benchmarks.stages.pages [--rows 50000 200000] [--object Case] [--texts 400]
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.backfill.read_part import ReadPart
from benchmarks.peers.to_raw import RawLandings, unlimited
from clients.governor.leases import Leases
from clients.salesforce.bulk.query_jobs import JobResult
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import Session
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore, S3Address
from sandbox import objectstore
from sandbox.ports import LOOPBACK, accepts_connections, free_port
from sandbox.processes import ProcessGroup, wait_until
from schemas.backfill import ByTime, Part, PartInput
from schemas.catalogue import FieldType, ObjectSpec, default_catalogue
from schemas.governor import LeaseClass
from schemas.ids import job_result_key, part_lane
from schemas.ingest.messages import StageInput
from tests.support.builders.bus import protector
from transforms.ingest.row_pages import page_fields

_ORG, _JOB, _WINDOW = "00D000000000001EAA", "750000000000001AAA", "page"
_AT = datetime(2026, 11, 1, tzinfo=UTC)
_PIECE_ROWS = 200
_GZIP = 31
"""zlib's number for a gzip stream with the largest window."""
_PATIENT = {"timeout": 3_600, "check": True}


class OneSession:
    """A session that never ends."""

    def __init__(self, url: str) -> None:
        self._session = Session("token", url)

    async def session(self) -> Session:
        """The present session."""
        return self._session

    async def renew(self, expired: Session | None) -> Session:  # noqa: ARG002 -- as of `Sessions`
        """The same."""
        return self._session


def main() -> None:
    """Measure each size, or be one of the processes."""
    arguments = _arguments()
    match arguments.part:
        case "org":
            serve(arguments)
        case "read":
            sys.stdout.write(json.dumps(uvloop.run(read(arguments))))
        case "stage":
            sys.stdout.write(json.dumps(uvloop.run(stage(arguments))))
        case _:
            for rows in arguments.rows:
                measure(arguments, rows)


def measure(arguments: argparse.Namespace, rows: int) -> None:
    """A page of so many rows: a line of figures a process."""
    with tempfile.TemporaryDirectory(prefix="tidegate-page-") as folder:
        group = ProcessGroup(Path(folder))
        s3_port, org_port = free_port(), free_port()
        options = ["--rows", str(rows), "--object", arguments.object, "--texts", str(arguments.texts)]
        options += ["--s3-port", str(s3_port), "--org-port", str(org_port)]
        command = [sys.executable, "-m", "benchmarks.stages.pages", *options, "--part"]
        try:
            objectstore.start_objectstore(group, Path(folder) / "s3", port=s3_port)
            child = group.start("org", [*command, "org"])
            wait_until(lambda: accepts_connections(org_port), child)
            for part in ("read", "stage"):
                told = subprocess.run([*command, part], stdout=subprocess.PIPE, **_PATIENT)  # type: ignore[call-overload]  # noqa: S603 -- ourselves
                sys.stdout.write(f"{part} {rows:,} rows: {_shown(json.loads(told.stdout), rows)}\n")
                sys.stdout.flush()
        finally:
            group.stop()


def _shown(told: dict[str, Any], rows: int) -> str:
    rate = round(rows / told["cpu_seconds"])
    figures = {"rows a CPU second": rate, **{name: round(value, 1) for name, value in told.items()}}
    return ", ".join(f"{name} {value:,}" for name, value in figures.items())


async def read(arguments: argparse.Namespace) -> dict[str, float]:
    """Read the page to raw: one job of one page, known to be complete."""
    store, catalogue = _store(arguments), default_catalogue()
    part = Part(number=0, by=ByTime.CREATED)
    request = PartInput(
        org=_ORG, object=arguments.object, window=_WINDOW, part=part, lease_class=LeaseClass.BACKFILL
    )
    result = JobResult(id=_JOB, rows=arguments.rows[0], created_at=_AT, locators=(None,))
    store.put(job_result_key(_ORG, _lane(arguments)), result.model_dump_json().encode())
    landings = RawLandings(cast(Client, None), store, protector(catalogue))
    leases = Leases(unlimited())
    async with OrgHttp(OneSession(f"http://{LOOPBACK}:{arguments.org_port}"), leases) as http:
        reader = ReadPart(http, landings, catalogue)
        begin = _Begin()
        done = await ActivityEnvironment().run(reader.read_part, request)
        figures = begin.figures()
    await leases.close()
    if not done.done or done.counts.rows != arguments.rows[0]:
        raise SystemExit(f"not read: {done}")
    return figures | {"batches": done.counts.batches}


async def stage(arguments: argparse.Namespace) -> dict[str, float]:
    """Stage the page's batches, one after the other."""
    store = _store(arguments)
    batches = list(Chain(store, org=_ORG, lane=_lane(arguments)).walk())
    steps = BatchActivities(store, default_catalogue(), cast(GroupCommit, None))
    begin = _Begin()
    for manifest in batches:
        await ActivityEnvironment().run(steps.stage_batch, StageInput(manifest=manifest))
    return begin.figures() | {"raw MB": sum(each.raw_bytes for each in batches) / 1e6}


class _Begin:
    """Where a process stands before its work."""

    def __init__(self) -> None:
        self._held, self._cpu, self._at = _memory("VmRSS"), time.process_time(), time.monotonic()

    def figures(self) -> dict[str, float]:
        """Of the work since."""
        peak = _memory("VmHWM")
        return {
            "peak MB": peak,
            "beyond its start MB": peak - self._held,
            "cpu_seconds": time.process_time() - self._cpu,
            "seconds": time.monotonic() - self._at,
        }


def _memory(name: str) -> float:
    """MB of this process. `VmHWM` begins with the program, unlike getrusage's peak, which has the
    parent's.
    """
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(found.split()[1]) * 1024 / 1e6


def _lane(arguments: argparse.Namespace) -> str:
    return part_lane(default_catalogue().object(arguments.object).table, _WINDOW, 0, 0)


def _store(arguments: argparse.Namespace) -> ObjectStore:
    address = S3Address(
        bucket=objectstore.BUCKET,
        region=objectstore.REGION,
        kms_key_id=objectstore.KEY_ALIAS,
        endpoint_url=objectstore.endpoint(arguments.s3_port),
        access_key=objectstore.ACCESS_KEY,
        secret_key=objectstore.SECRET_KEY,
    )
    return ObjectStore(address)


def serve(arguments: argparse.Namespace) -> None:
    """The org: it answers any GET with the page, and takes the job's removal."""
    spec = default_catalogue().object(arguments.object)

    async def answer(request: Request) -> Response:
        if request.method != "GET":
            return Response(status_code=204)
        told = {"Content-Encoding": "gzip", "Sforce-Locator": "null"}
        told["Sforce-NumberOfRecords"] = str(arguments.rows[0])
        return StreamingResponse(_packed(spec, arguments), headers=told, media_type="text/csv")

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "DELETE"])])
    uvicorn.run(app, host=LOOPBACK, port=arguments.org_port, log_level="warning")


async def _packed(spec: ObjectSpec, arguments: argparse.Namespace) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(1, wbits=_GZIP)
    for piece in _pieces(spec, arguments):
        yield packer.compress(piece)
    yield packer.flush()


def _pieces(spec: ObjectSpec, arguments: argparse.Namespace) -> Iterator[bytes]:
    """The CSV, some rows at a time; rows repeat after some hundred, their ids do not."""
    chance = random.Random(1)  # noqa: S311 -- texts
    words = [f"{chance.randrange(36**7):x}" for _ in range(5_000)]
    fields = page_fields(spec)
    lines = [_line(spec, fields, chance, words, arguments.texts) for _ in range(500)]
    yield (",".join(f'"{name}"' for name in fields) + "\n").encode()
    for first in range(0, arguments.rows[0], _PIECE_ROWS):
        some = range(first, min(first + _PIECE_ROWS, arguments.rows[0]))
        yield b"".join(b'"500%012dAAA",%s\n' % (number, lines[number % len(lines)]) for number in some)


def _line(
    spec: ObjectSpec, fields: tuple[str, ...], chance: random.Random, words: list[str], size: int
) -> bytes:
    """A row without its id, with texts of so many words."""

    def value(name: str) -> str:
        field = spec.fields.get(name)
        kind = None if field is None else field.type
        if kind is FieldType.TEXTAREA:
            return ", ".join(chance.choices(words, k=size // 5)) + '\nand ""more""'
        known = {FieldType.BOOLEAN: "false", FieldType.DATETIME: "2026-10-01T08:00:00.000Z"}
        numbers = dict.fromkeys((FieldType.DOUBLE, FieldType.INT), "7")
        plain = {"IsDeleted": "false", "SystemModstamp": "2026-10-01T08:00:00.000Z"}
        dates = {FieldType.DATE: "2026-10-01"}
        found = plain.get(name) or (None if kind is None else (known | numbers | dates).get(kind))
        return chance.choice(words) if found is None else found

    return ",".join(f'"{value(name)}"' for name in fields[1:]).encode()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000], help="of the pages")
    parser.add_argument("--object", default="Case", help="of the rows")
    parser.add_argument("--texts", type=int, default=400, help="words of a row's five long texts")
    parser.add_argument("--part", choices=["org", "read", "stage"], help=argparse.SUPPRESS)
    parser.add_argument("--org-port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--s3-port", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
