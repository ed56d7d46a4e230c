"""Twenty thousand children of fifty parents: how many rows meet a lock when batches are formed by
parent, and when they are not.

The org takes its time over a write, and holds the written records and their parents meanwhile; a
row that does not get its locks in time fails with UNABLE_TO_LOCK_ROW. Both times the same
writebacks go by collections, four calls at once: formed by the engine, and then shuffled, in
calls of a thousand without regard to parents, as a sender does that does not know of locks.
Prints one JSON object.

    python -m benchmarks.writeback.locks [--children 20000] [--parents 50] [--report FILE]

`--children 1000 --parents 10 --rows 100` is a small one.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg

from benchmarks.writeback.load import wait_for_api
from benchmarks.writeback.senders import log_in
from cli.api import local_token
from cli.local.surge import wait_for_followers
from cli.local.up import Running, running_all
from sandbox.endpoints import SalesforceEndpoint
from sandbox.ports import free_port
from schemas.salesforce.limits import COLLECTION_MAX_ROWS
from schemas.writeback.messages import MOST_OF_A_REQUEST

LOCKED = "UNABLE_TO_LOCK_ROW"
_AT_ONCE = 4
"""As many batches of an object as the engine has open."""
_MOST_SECONDS = 1_800


def main() -> None:
    """Run both, and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as temporary:
        folder, port = Path(temporary), free_port()
        folder.chmod(0o755)
        with running_all(folder, fresh=True, api_port=port) as running:
            api, org = f"http://127.0.0.1:{port}", running.endpoints.salesforce
            wait_for_followers(running.endpoints)
            wait_for_api(api)
            _make_parents(org, arguments.parents)
            records = {
                "chunk_seconds": arguments.chunk_seconds,
                "lock_wait_seconds": arguments.lock_wait_seconds,
            }
            _dials(org, records)
            _say("by the engine")
            ours = by_engine(running, api, local_token(folder)[0], arguments)
            _say("shuffled")
            shuffled = asyncio.run(by_chance(org, arguments))
    figures = {**{name: value for name, value in vars(arguments).items() if name != "report"},
               "by_parent": ours, "shuffled": shuffled}  # fmt: skip
    text = json.dumps(figures, indent=2) + "\n"
    sys.stdout.write(text)
    if arguments.report is not None:
        arguments.report.write_text(text)


def children(arguments: argparse.Namespace, prefix: str) -> list[dict[str, Any]]:
    """The children as writebacks, in an order in which parents are mixed."""
    found = [
        {
            "object": "Case",
            "external_id": f"{prefix}-{number}",
            "key": f"{prefix}-{number}",
            "fields": {
                "Subject": f"child {number}",
                "Status": "New",
                "Account": {"ExternalId__c": f"P-{number % arguments.parents}"},
            },
        }
        for number in range(arguments.children)
    ]
    Random(1).shuffle(found)  # noqa: S311 -- the same order each time
    return found


def by_engine(running: Running, api: str, token: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Through the HTTP API, until all are done."""
    began, items = time.monotonic(), children(arguments, "E")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api, headers=headers, timeout=120, trust_env=False) as http:
        for first in range(0, len(items), MOST_OF_A_REQUEST):
            some = [{**each, "deadline": _deadline()} for each in items[first : first + MOST_OF_A_REQUEST]]
            http.post("/v1/writebacks", json={"writebacks": some}).raise_for_status()
    with psycopg.connect(running.endpoints.operational.dsn, autocommit=True) as connection:

        def left() -> int:
            query = "SELECT count(*) FROM writeback WHERE state IN ('waiting', 'open')"
            return int(connection.execute(query).fetchall()[0][0])

        while (count := left()) and time.monotonic() - began < _MOST_SECONDS:
            _say(f"{count:,} left")
            time.sleep(2)
        seconds = time.monotonic() - began
        locked = _count(connection, "SELECT count(*) FROM writeback_attempt WHERE code = %s", LOCKED)
        done = _count(connection, "SELECT count(*) FROM writeback WHERE state = 'done'")
        calls = _count(connection, "SELECT COALESCE(sum(calls), 0) FROM writeback_batch")
        carriers = connection.execute(
            "SELECT carrier, count(*) FROM writeback_batch GROUP BY carrier"
        ).fetchall()
    return _figures(arguments, locked, done, seconds) | {"calls": calls, "batches": dict(carriers)}


async def by_chance(org: SalesforceEndpoint, arguments: argparse.Namespace) -> dict[str, Any]:
    """Calls of a thousand as they come, four at once; rows that met a lock are not sent again."""
    began, items = time.monotonic(), children(arguments, "S")
    session = log_in(org)
    codes: Counter[str] = Counter()
    places = asyncio.Semaphore(_AT_ONCE)
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    path = f"/services/data/v{org.api_version}/composite"
    async with httpx.AsyncClient(
        base_url=session["instance_url"], headers=headers, timeout=300, trust_env=False
    ) as http:

        async def send(some: list[dict[str, Any]]) -> None:
            async with places:
                answer = await http.post(path, json=_composite(path, some))
            answer.raise_for_status()
            for response in answer.json()["compositeResponse"]:
                for row in response["body"]:
                    codes["" if row["success"] else row["errors"][0]["statusCode"]] += 1

        parts = range(0, len(items), arguments.rows)
        await asyncio.gather(*(send(items[first : first + arguments.rows]) for first in parts))
    others = {code: count for code, count in codes.items() if code not in ("", LOCKED)}
    figures = _figures(arguments, codes[LOCKED], codes[""], time.monotonic() - began)
    return figures | {"calls": len(parts), "other_errors": others}


def _composite(path: str, some: list[dict[str, Any]]) -> dict[str, Any]:
    subrequests = []
    for first in range(0, len(some), COLLECTION_MAX_ROWS):
        records = [
            {"attributes": {"type": "Case"}, "ExternalId__c": each["external_id"], **each["fields"]}
            for each in some[first : first + COLLECTION_MAX_ROWS]
        ]
        subrequests.append(
            {
                "method": "PATCH",
                "url": f"{path}/sobjects/Case/ExternalId__c",
                "referenceId": f"rows{first}",
                "body": {"allOrNone": False, "records": records},
            }
        )
    return {"allOrNone": False, "collateSubrequests": False, "compositeRequest": subrequests}


def _figures(arguments: argparse.Namespace, locked: int, done: int, seconds: float) -> dict[str, Any]:
    return {
        "lock_errors": locked,
        "lock_errors_per_100_rows": round(100 * locked / arguments.children, 3),
        "done": done,
        "seconds": round(seconds, 1),
    }


def _make_parents(org: SalesforceEndpoint, count: int) -> None:
    session = log_in(org)
    records = [
        {"attributes": {"type": "Account"}, "ExternalId__c": f"P-{number}", "Name": f"parent {number}"}
        for number in range(count)
    ]
    for first in range(0, count, COLLECTION_MAX_ROWS):
        answer = httpx.patch(
            f"{session['instance_url']}/services/data/v{org.api_version}/composite/sobjects/Account/ExternalId__c",
            headers={"Authorization": f"Bearer {session['access_token']}"},
            json={"allOrNone": False, "records": records[first : first + COLLECTION_MAX_ROWS]},
            timeout=60,
            trust_env=False,
        )
        answer.raise_for_status()


def _dials(org: SalesforceEndpoint, records: dict[str, float]) -> None:
    answer = httpx.patch(f"{org.control_url}/dials", json={"records": records}, timeout=30, trust_env=False)
    answer.raise_for_status()


def _deadline() -> str:
    """So near that collections carry them: both contestants use the same carrier."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 150))


def _count(connection: psycopg.Connection, query: str, *values: Any) -> int:
    return int(connection.execute(query.encode(), values or None).fetchall()[0][0])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--children", type=int, default=20_000)
    parser.add_argument("--parents", type=int, default=50)
    parser.add_argument("--rows", type=int, default=1_000, help="of a shuffled call; at most 1,000")
    parser.add_argument(
        "--chunk-seconds", type=float, default=0.2, help="that 200 rows take, their locks held"
    )
    parser.add_argument("--lock-wait-seconds", type=float, default=0.5, help="until a row gives up")
    parser.add_argument("--report", type=Path, help="write the figures to this file as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
