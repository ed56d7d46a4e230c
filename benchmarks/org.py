"""Measure the sandbox org alone: records, a surge of changes with a follower, and a stream of bulk
result pages.

The client is as cheap as a client can be (it counts bytes and reads headers), so what is
measured is the org. Prints one JSON object.

    python -m benchmarks.org [--records 10000000] [--rate 240000] [--seconds 60] [--state DIR]
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.backfills import SHARES
from sandbox.ports import free_port
from sandbox.processes import Child, ProcessGroup, wait_until
from schemas.salesforce.limits import API_VERSION

_DATA = f"/services/data/v{API_VERSION}"
_UNLIMITED = 1_000_000_000
_PAGE_ROWS = 50_000


def main() -> None:
    """Measure, in this order: filling, a restart, the surge, the page stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000, help="records in the org before the surge")
    parser.add_argument("--rate", type=int, default=240_000, help="changes a minute")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--state", type=Path, help="the org's folder; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.state or Path(temporary)
        found: dict[str, Any] = {}
        with _org(folder) as org:
            found["fill"] = fill(org, arguments.records)
        started = time.monotonic()
        with _org(folder) as org:
            found["restart_seconds"] = round(time.monotonic() - started, 2)
            found["surge"] = surge(org, arguments.rate, arguments.seconds)
            found["bulk_pages"] = bulk_pages(org, "Account")
            found["memory_mb"] = round(org.process.memory_info().rss / 2**20)
        found["disk_mb"] = round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


class _Org:
    """A running org and a client of it."""

    def __init__(self, child: Child, url: str, folder: Path) -> None:
        self.process = psutil.Process(child.process.pid)
        self.http = httpx.Client(base_url=url, timeout=3_600, trust_env=False)
        identity = json.loads((folder / "org.json").read_text())
        grant = {"grant_type": "client_credentials"} | {
            name: identity[name] for name in ("client_id", "client_secret")
        }
        token = self.http.post("/services/oauth2/token", data=grant).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def control(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(f"/sandbox/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def _org(folder: Path) -> Iterator[_Org]:
    group = ProcessGroup(folder / "logs")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox.org", "--port", str(port), "--data", str(folder)]
    try:
        child = group.start("org", [*command, "--allow", f"delivered_events={_UNLIMITED}"])
        wait_until(lambda: _is_healthy(url), child)
        yield _Org(child, url, folder)
    finally:
        group.stop()


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/sandbox/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def fill(org: _Org, records: int) -> dict[str, Any]:
    """Old records of every object."""
    began, cpu = time.monotonic(), org.cpu_seconds()
    for name, share in SHARES.items():
        org.control("fill", {"object": name, "records": max(int(records * share), 1)})
        sys.stderr.write(f"filled {name}\n")
    seconds = time.monotonic() - began
    return {
        "records": records,
        "seconds": round(seconds, 1),
        "cpu_us_a_record": round((org.cpu_seconds() - cpu) / records * 1e6, 1),
    }


def surge(org: _Org, rate: int, seconds: float) -> dict[str, Any]:
    """Changes at a rate, one CometD client receiving them all."""
    follower = _Follower(org.http)
    follower.start()
    cpu = org.cpu_seconds()
    org.control("traffic", {"rate_per_minute": rate, "seconds": seconds})
    while (state := org.http.get("/sandbox/traffic").json())["running"]:
        time.sleep(1)
    used = org.cpu_seconds() - cpu
    rest = time.monotonic()
    while follower.events < _events_sent(org) - follower.first and time.monotonic() - rest < 60:
        time.sleep(0.1)
    follower.stop()
    return {
        "asked_a_minute": rate,
        "sent_a_minute": state["rate_per_minute"],
        "changes": state["sent"],
        "events_received": follower.events,
        "cpu_us_a_change": round(used / state["sent"] * 1e6, 1),
        "cores": round(used / state["elapsed_seconds"], 2),
    }


def _events_sent(org: _Org) -> int:
    return int(org.http.get("/sandbox/state").json()["events"]["held"])


class _Follower(threading.Thread):
    """Long polls for all change events and counts them."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._http = httpx.Client(base_url=http.base_url, headers=http.headers, timeout=130, trust_env=False)
        self.first = int(http.get("/sandbox/state").json()["events"]["held"])
        self.events = 0
        self._stopping = False
        handshake = {
            "channel": "/meta/handshake",
            "version": "1.0",
            "supportedConnectionTypes": ["long-polling"],
        }
        self._id = json.loads(self._say(handshake))[0]["clientId"]
        self._say({"channel": "/meta/subscribe", "clientId": self._id, "subscription": "/data/ChangeEvents"})

    def run(self) -> None:
        while not self._stopping:
            body = self._say(
                {"channel": "/meta/connect", "clientId": self._id, "connectionType": "long-polling"}
            )
            self.events += body.count(b'"replayId":')

    def stop(self) -> None:
        self._stopping = True

    def _say(self, message: dict[str, Any]) -> bytes:
        return self._http.post("/cometd/67.0", json=message).content


def bulk_pages(org: _Org, name: str) -> dict[str, Any]:
    """Every record of an object by a Bulk API 2.0 query: the job, then its pages one after another,
    gzipped.
    """
    fields = [f["name"] for f in org.http.get(f"{_DATA}/sobjects/{name}/describe").json()["fields"]]
    compound = {"BillingAddress"}
    soql = f"SELECT {', '.join(f for f in fields if f not in compound)} FROM {name}"
    cpu, began = org.cpu_seconds(), time.monotonic()
    job = org.http.post(f"{_DATA}/jobs/query", json={"operation": "query", "query": soql}).json()
    while (state := org.http.get(f"{_DATA}/jobs/query/{job['id']}").json())["state"] != "JobComplete":
        time.sleep(0.1)
    ran, ran_cpu = time.monotonic() - began, org.cpu_seconds() - cpu
    began, cpu = time.monotonic(), org.cpu_seconds()
    rows, wire, locator = 0, 0, ""
    while locator != "null":
        parameters = {"maxRecords": str(_PAGE_ROWS)} | ({"locator": locator} if locator else {})
        with org.http.stream("GET", f"{_DATA}/jobs/query/{job['id']}/results", params=parameters) as page:
            wire += sum(len(part) for part in page.iter_raw())
            rows += int(page.headers["sforce-numberofrecords"])
            locator = page.headers["sforce-locator"]
    streamed, streamed_cpu = time.monotonic() - began, org.cpu_seconds() - cpu
    return {
        "columns": soql.count(",") + 1,
        "rows": rows,
        "rows_of_the_job": state["numberRecordsProcessed"],
        "job_rows_a_second": round(rows / ran),
        "job_cpu_us_a_row": round(ran_cpu / rows * 1e6, 1),
        "pages_rows_a_second": round(rows / streamed),
        "pages_cpu_us_a_row": round(streamed_cpu / rows * 1e6, 1),
        "both_rows_a_second": round(rows / (ran + streamed)),
        "wire_mb": round(wire / 2**20),
    }


if __name__ == "__main__":
    main()
