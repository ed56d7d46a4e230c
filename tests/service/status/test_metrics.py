"""A process counts its work as it does it, and what cannot be asked is shown as unknown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import exposition as openmetrics

from clients.metrics.registry import REGISTRY
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.ports import free_pair
from schemas.errors import SettingsError
from schemas.ids import trace_id_of
from schemas.settings.metrics import MetricsSettings
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, whole_case
from tests.support.builders.waiting import until
from workers.clients import connect_temporal
from workers.metrics.exporter import StateCollector, sheet_of
from workers.metrics.serve import sdk_runtime, serving_metrics
from workers.settings import Settings
from workers.status import StatusLook

pytestmark = [pytest.mark.service, pytest.mark.slow]

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def counted(name: str, **labels: str) -> float:
    """A sample of this process; 0 when there is none."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counts() -> dict[str, float]:
    found = {
        outcome: counted("tidegate_changes_total", object="Case", outcome=outcome)
        for outcome in ("applied", "duplicate", "quarantined")
    }
    return found | {"observed": counted("tidegate_change_freshness_seconds_count", object="Case")}


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
def nothing() -> Settings:
    """Of an engine of which no part can be reached."""
    return Settings.model_validate(
        {
            "salesforce": {
                "org_id": "00D000000000001AAA",
                "login_url": "http://127.0.0.1:1",
                "client_id": "tidegate",
                "client_secret": "none",
            },
            "s3": {"bucket": "b", "kms_key_id": "k", "endpoint_url": "http://127.0.0.1:1", "access_key": "a"}
            | {"secret_key": "s"},
            "warehouse": {"dsn": NOWHERE},
            "operational": {"dsn": NOWHERE},
            "temporal": {"address": "127.0.0.1:1"},
        }
    )


async def test_a_new_change_is_observed_once_and_a_duplicate_never(
    store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    road = Road(store, warehouse)
    before = counts()
    await road.send([event(number, whole_case(number)) for number in (1, 2)])
    again = [event(1, whole_case(1)), event(3, whole_case(3)), event(4, {"CaseNumber": "4"})]
    again[2]["payload"]["ChangeEventHeader"]["commitNumber"] = "no number"
    again[0]["event"]["replayId"] = 2
    await road.send(again)
    assert {name: number - before[name] for name, number in counts().items()} == {
        "applied": 3,
        "duplicate": 1,
        "quarantined": 1,
        "observed": 3,
    }


async def test_the_slowest_change_of_a_batch_points_at_the_batchs_trace(
    store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    road = Road(store, warehouse)
    manifest = road.land([event(1, whole_case(1))])
    for item in (await road.stage(manifest)).values():
        road.applier(warehouse).apply([item])
    shown = openmetrics.generate_latest(REGISTRY).decode()
    assert f'trace_id="{trace_id_of(manifest.workflow_id)}"' in shown


async def test_rows_of_a_backfill_say_nothing_of_freshness(
    store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    road = Road(store, warehouse, lane="backfill-case-w-0001.1")
    before = counts()
    await road.send([event(1, whole_case(1))])
    after = counts()
    assert (after["applied"] - before["applied"], after["observed"] - before["observed"]) == (1, 0)


async def test_a_process_serves_its_metrics_and_those_of_the_sdk(
    nothing: Settings, temporal_address: str
) -> None:
    port = free_pair()
    metrics = MetricsSettings(port=port)
    where = nothing.temporal.model_copy(update={"address": temporal_address})
    settings = nothing.model_copy(update={"metrics": metrics, "temporal": where})
    async with serving_metrics(metrics, "worker-test"), httpx.AsyncClient(trust_env=False) as http:
        client = await connect_temporal(settings, runtime=sdk_runtime(metrics))
        await client.count_workflows()
        ours = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
        assert 'tidegate_build_info{role="worker-test"' in ours
        theirs = (await http.get(f"http://127.0.0.1:{port + 1}/metrics")).text
        assert "temporal_request_latency_seconds_bucket" in theirs
        with pytest.raises(SettingsError, match="TIDEGATE_METRICS__PORT"):
            async with serving_metrics(metrics, "another"):
                pass


async def test_a_process_without_a_port_serves_nothing() -> None:
    assert sdk_runtime(MetricsSettings()) is sdk_runtime(MetricsSettings(port=0))
    async with serving_metrics(MetricsSettings(port=0), "worker-test"):
        pass


async def test_an_engine_that_cannot_be_asked_is_unknown_and_never_well(nothing: Settings) -> None:
    with closing(StatusLook(nothing)) as looks:
        look = await looks.look()
    samples = [sample for family in sheet_of(look).families() for sample in family.samples]
    unknown = {sample.labels["part"] for sample in samples if sample.name == "tidegate_state_unknown"}
    assert unknown == set(look.status.unknown)
    assert {"lanes", "roles", "budgets", "writebacks", "ledger"} <= unknown
    assert {sample.value for sample in samples if sample.name == "tidegate_remote_up"} <= {0.0}
    gone = (
        "tidegate_lane_",
        "tidegate_ledger_",
        "tidegate_budget_",
        "tidegate_writeback",
        "tidegate_quarantine",
    )
    assert [sample.name for sample in samples if sample.name.startswith(gone)] == []


@pytest.fixture
async def collector(nothing: Settings) -> AsyncIterator[StateCollector]:
    with closing(StatusLook(nothing)) as looks:
        yield StateCollector(looks, asyncio.get_running_loop())


async def test_a_scrape_in_a_thread_shows_the_shared_look(collector: StateCollector) -> None:
    registry = CollectorRegistry()
    registry.register(collector)
    shown = await asyncio.to_thread(registry.get_sample_value, "tidegate_state_timestamp_seconds")
    status = (await collector.looks.recent(timedelta(hours=1))).status
    assert shown == status.at.timestamp()


async def test_the_event_loops_lag_is_observed() -> None:
    before = counted("tidegate_event_loop_lag_seconds_count")
    async with serving_metrics(MetricsSettings(port=free_pair()), "worker-test"):

        async def is_observed() -> bool:
            return counted("tidegate_event_loop_lag_seconds_count") > before

        await until(is_observed)
