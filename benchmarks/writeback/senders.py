"""Others that bring the same writebacks into the same org: a call a record, and the PyPI package
lht. Both meet the same faults.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import httpx

from benchmarks.peers.contestants import RunningOrg
from benchmarks.writeback.load import Load
from sandbox.endpoints import SalesforceEndpoint
from tests.real_clients.client import HERE, ClientError, own_python, run

LHT = "lht"
_TRIES = 3
_AT_ONCE = 8
_PATIENCE_SECONDS = 1_800


def log_in(org: SalesforceEndpoint) -> dict[str, str]:
    """The token endpoint's answer: `access_token`, `instance_url`, `id`."""
    secret = {"client_id": org.client_id, "client_secret": org.client_secret}
    answer = httpx.post(
        f"{org.login_url}/services/oauth2/token",
        data={"grant_type": "client_credentials", **secret},
        timeout=30,
        trust_env=False,
    )
    answer.raise_for_status()
    session: dict[str, str] = answer.json()
    return session


def one_call_a_record(org: SalesforceEndpoint, load: Load) -> dict[str, Any]:
    """An upsert a record, eight at once, each tried up to three times: the simplest sender that a
    team writes first.
    """
    session, began = log_in(org), time.monotonic()
    base = f"{session['instance_url']}/services/data/v{org.api_version}/sobjects"
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    calls: Counter[str] = Counter()

    with (
        httpx.Client(headers=headers, timeout=20, trust_env=False) as http,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):

        def send(item: dict[str, Any]) -> tuple[bool, int]:
            url = f"{base}/{item['object']}/ExternalId__c/{item['external_id']}"
            for tried in range(1, _TRIES + 1):
                try:
                    if http.patch(url, json=item["fields"]).is_success:
                        return True, tried
                except httpx.HTTPError:
                    continue
            return False, _TRIES

        for _, some in groupby(load.items(), key=lambda item: item["object"] == "Account"):
            for written, tried in pool.map(send, some):
                calls["calls"] += tried
                calls["written" if written else "failed"] += 1
    return _figures(load, calls, time.monotonic() - began)


def by_lht(org: SalesforceEndpoint, files: RunningOrg, load: Load) -> dict[str, Any]:
    """`lht.salesforce.retl.upsert`, an object after the other: an ingest job each, whose results it
    leaves unread.
    """
    began, calls = time.monotonic(), Counter[str]()
    session = log_in(org)
    before = api_calls(org)
    tables = _tables(load.items())
    try:
        given = json.dumps({"session": session, "instance_url": org.instance_url, "tables": tables})
        command = [str(own_python(LHT)), str(HERE / "drivers" / "lht.py"), "upsert"]
        answer = json.loads(run(files, command, given, _PATIENCE_SECONDS).splitlines()[-1])
    except ClientError as error:
        return {"error": str(error)[-600:]}
    for each in answer:
        calls["written"] += each.get("records_processed", 0) if each.get("successful_batches") else 0
        calls["failed"] += each.get("records_processed", 0) if each.get("failed_batches") else 0
    calls["calls"] = api_calls(org) - before
    return _figures(load, calls, time.monotonic() - began) | {"told": answer}


def api_calls(org: SalesforceEndpoint) -> int:
    """API calls of the last 24 hours, by the org's own meter."""
    meters = httpx.get(f"{org.control_url}/meters", timeout=30, trust_env=False).json()
    return int(meters["api_calls"]["used"])


def _tables(items: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by object, as a query of a warehouse gives them: a parent's external id is a column of
    its own.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        row = {"ExternalId__c": item["external_id"]}
        for name, value in item["fields"].items():
            if isinstance(value, dict):
                row |= {f"{name}.{key}": each for key, each in value.items()}
            else:
                row[name] = value
        found.setdefault(item["object"], []).append(row)
    return found


def _figures(load: Load, calls: Counter[str], seconds: float) -> dict[str, Any]:
    return {
        "writebacks": load.count,
        "said_written": calls["written"],
        "said_failed": calls["failed"],
        "calls": calls["calls"],
        "calls_per_1000": round(calls["calls"] / load.count * 1_000, 1),
        "seconds": round(seconds, 1),
        "a_second": round(load.count / seconds),
    }
