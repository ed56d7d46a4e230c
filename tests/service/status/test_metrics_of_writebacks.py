"""Writebacks and calls are counted with few labels, whatever the org answers."""

from collections.abc import AsyncIterator

import pytest

from clients.metrics.registry import REGISTRY
from sandbox.org.faults.faults import FaultRule
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import WritingEngine, writing

pytestmark = [pytest.mark.service, pytest.mark.slow]

REFUSED = FaultRule(
    point="row",
    kind="error",
    match="Case",
    times=1,
    code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
    message="a rule of the org",
)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def outcomes() -> dict[str, float]:
    labels = {"done": "", "dead": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    return {
        state: counted("tidegate_writeback_outcomes_total", object="Case", outcome=state, code=code)
        for state, code in labels.items()
    }


def measured(part: str) -> float:
    return counted("tidegate_writeback_latency_seconds_count", object="Case", part=part)


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    await engine.served.sessions.session()
    async with writing(engine) as found:
        yield found


async def test_outcomes_and_latencies_are_those_of_the_store(writer: WritingEngine) -> None:
    before, done, sent = outcomes(), measured("done"), measured("sent")
    calls = counted("tidegate_salesforce_calls_total", lease_class="writeback", api="composite", outcome="ok")
    writer.engine.served.org.faults.add(REFUSED)
    items = [
        {"external_id": f"C-{number}", "key": f"k-{number}", "fields": {"Subject": "s", "Status": "New"}}
        for number in range(3)
    ]
    writer.accepted(*items)
    await writer.start()
    await writer.settled()
    assert sorted(writer.states()) == ["dead", "done", "done"]
    assert {state: count - before[state] for state, count in outcomes().items()} == {"done": 2, "dead": 1}
    assert (measured("done") - done, measured("sent") - sent) == (2, 2)
    after = counted("tidegate_salesforce_calls_total", lease_class="writeback", api="composite", outcome="ok")
    assert after > calls
