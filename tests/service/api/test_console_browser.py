"""The console in Chromium: every page in light and dark, wide and narrow. `make test-console`.

The pictures are for people to look at: var/console.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from clients.temporal.lanes import start_lane
from clients.warehouse.sql.apply import HOLD, LEDGER, QUALITY, QUARANTINE, RECONCILIATION
from sandbox.ports import free_port
from schemas.ingest.messages import Act, LaneInput
from schemas.ops_tables import (
    HOLD_COLUMNS,
    LEDGER_COLUMNS,
    QUALITY_COLUMNS,
    QUARANTINE_COLUMNS,
    RECONCILIATION_COLUMNS,
)
from schemas.settings.fleet import FleetSettings
from tests.service.api.test_api_looks import ledger_row, load
from tests.service.api.test_fleet_answers import report
from tests.support.engines.served_api import ORG, ServedApi, serving_api
from tests.support.faults.canned_http import canned_http
from tests.support.faults.frozen import silent_address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]
ROOT = Path(__file__).parents[3]
HOME = ROOT / ".venv-clients" / "console"
PICTURES = ROOT / "var" / "console"
DRIVER = ROOT / "tests" / "console" / "drivers" / "browser.py"
PATHS = (
    "/console",
    "/console/lanes/changes",
    "/console/ledger",
    "/console/batches/changes/3",
    "/console/record?id=500000000000001AAA",
    "/console/writebacks",
    "/console/runs",
    "/console/budget",
    "/console/quality",
    "/console/quality?object=Case",
    "/console/reconciliation",
    "/console/reports",
    "/console/incidents",
    "/console/audit",
    "/console/audit?verify=1",
    "/console/acts/lane-pause?lane=changes",
    "/console/acts/reconcile",
    "/console/acts/writebacks-retry?object=Case",
    "/console/acts/writebacks-retry",
    "/console/nothing",
    "/console/fleet",
)
FLEET_PATHS = ("/console/fleet", "/console/overview")
"""Of a console that has a fleet, which begins with it."""


def seed(api: ServedApi) -> None:
    """Something on every page, of this moment."""
    now = datetime.now(UTC)
    texts = {"object": "Case", "batch": "changes/3", "detail": "the value is too long"}
    for number in range(1, 9):
        at = now - timedelta(seconds=90 - 10 * number)
        times = {"first_received_at": at, "last_received_at": at, "committed_at": at + timedelta(seconds=2)}
        commits = {
            "first_changed_at": at - timedelta(seconds=3),
            "last_changed_at": at - timedelta(seconds=1),
        }
        load(api, LEDGER, LEDGER_COLUMNS, ledger_row(number, "Case") | times | commits)
    load(api, HOLD, HOLD_COLUMNS, {**texts, "reason": "90 of 100 changes broke rules", "held_at": now})
    finding = {
        "record_id": "500000000000001AAA",
        "field": "Subject",
        "rule": "too_long",
        "severity": "isolate",
    }
    seen = {"change_order": "1", "first_seen_at": now, "last_seen_at": now, "seen": 3}
    load(api, QUALITY, QUALITY_COLUMNS, texts | finding | seen)
    refused = {"ordinal": 3, "position": "7", "reason": "unknown_field", "event": "{}", "received_at": now}
    load(api, QUARANTINE, QUARANTINE_COLUMNS, texts | refused | {"quarantined_at": now})
    compared = {"window_name": "all.buckets", "depth": "buckets", "report_key": "k", "calls": 3, "altered": 0}
    for run, (name, verdict) in enumerate({"Case": "differs", "Account": "equal"}.items()):
        counts = {"found": run, "repaired": 0, "org_records": 10, "warehouse_records": 10}
        moments = {"as_of": now, "began_at": now, "ended_at": now}
        row = {"run": f"r{run}", "object": name, "verdict": verdict}
        load(api, RECONCILIATION, RECONCILIATION_COLUMNS, compared | counts | moments | row)
    api.audit.append(Act(act="lane.pause", by="night-shift", target="changes", detail="release", at=now))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(api: ServedApi) -> dict[str, Any]:
    """The findings of the browser."""
    await asyncio.to_thread(seed, api)
    await start_lane(api.client, LaneInput(org=ORG, lane="changes", channel="/data/ChangeEvents"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    axe = HOME / "node_modules" / "axe-core" / "axe.min.js"
    given = [str(api.http.base_url).rstrip("/"), api.tokens["operator"], str(axe)]
    found = await drive(*given, str(PICTURES), *PATHS)
    folder = PICTURES / "fleet"
    folder.mkdir(exist_ok=True)
    async with fleet_console(api) as url:
        fleet = await drive(url, *given[1:], str(folder), *FLEET_PATHS)
    return {"pages": found["pages"] + fleet["pages"], "cut": found["cut"]}


async def drive(*given: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        HOME / "bin" / "python", DRIVER, *given, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


def good_report() -> bytes:
    """Of an org that is well, with every number."""
    fresh = {"object": "Case", "freshness_p95": "PT4.2S", "freshness_p99": "PT2M11S"}
    budgets = [{"budget": "delivered_events", "used": 61_000, "maximum": 100_000}]
    totals = {"waiting": 12_345, "held": 0, "dead": 7}
    return report(objects=[fresh], budgets=budgets, writebacks=totals)


@asynccontextmanager
async def fleet_console(api: ServedApi) -> AsyncIterator[str]:
    """The same console with a fleet: one with problems, two that are silent, one that is well."""
    async with AsyncExitStack() as stack:
        well = await stack.enter_async_context(canned_http(good_report))
        frozen = stack.enter_context(silent_address())
        members = [
            {"name": "south.example.org-production", "url": well.url, "token": "t", "timeout": 30},
            {"name": "frozen", "url": f"http://{frozen}", "token": "t", "timeout": 1},
            {"name": "closed", "url": f"http://127.0.0.1:{free_port()}", "token": "t"},
            {"name": "north", "url": str(api.http.base_url), "token": api.tokens["reader"], "timeout": 30},
        ]
        fleet = FleetSettings.model_validate({"members": members})
        settings = api.settings.model_copy(update={"fleet": fleet})
        yield await stack.enter_async_context(serving_api(settings))


@pytest.fixture
def seen(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings, a page and theme each."""
    pages: list[dict[str, Any]] = told["pages"]
    assert len(pages) == 2 * (len(PATHS) + 1 + len(FLEET_PATHS) + 1)
    return pages


async def test_no_page_has_an_accessibility_fault_in_light_or_dark(seen: list[dict[str, Any]]) -> None:
    assert {(each["path"], each["theme"]): each["violations"] for each in seen if each["violations"]} == {}


async def test_no_page_breaks_the_policy_or_has_an_error_in_its_scripts(seen: list[dict[str, Any]]) -> None:
    # Two of the pages are errors on purpose, and the browser says their status.
    errors = [error for each in seen for error in each["errors"] if "the server responded with" not in error]
    assert errors == []


async def test_no_page_asks_another_host(seen: list[dict[str, Any]]) -> None:
    assert [address for each in seen for address in each["outside"]] == []


async def test_no_page_is_wider_than_its_screen(seen: list[dict[str, Any]]) -> None:
    wide = {
        (each["path"], width): pixels
        for each in seen
        for width, pixels in each["widths"].items()
        if pixels > int(width)
    }
    assert wide == {}


async def test_a_page_without_news_says_since_when_it_is_old_and_why(told: dict[str, Any]) -> None:
    assert told["cut"] == {
        "silent": "Not updated since TIME UTC; reconnecting.",
        "ended": "Your session has ended. This page was not updated since TIME UTC. Sign in again",
    }
