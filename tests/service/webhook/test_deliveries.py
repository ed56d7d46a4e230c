"""Changes reach a receiver: none is lost, a record's come in their order, and a receiver that fails
or hangs delays no other.
"""

from collections import Counter
from typing import Any

import pytest

from tests.support.builders.waiting import until
from tests.support.engines.applied_records import changed, record_id
from tests.support.engines.webhooks import WebhookEngine
from tests.support.scripted.receiver import Receiver

pytestmark = [pytest.mark.service, pytest.mark.slow]


def cases(count: int, first: int = 1) -> list[str]:
    return [record_id("500", first + number) for number in range(count)]


def step(record: str, second: int) -> dict[str, Any]:
    """A change of a case whose Status names its place."""
    return changed("Case", record, second, "UPDATE" if second else "CREATE", Status=f"s{second}")


async def has_taken(receiver: Receiver, count: int, *, seconds: float = 20) -> None:
    async def is_so() -> bool:
        return len(receiver.taken) == count

    await until(is_so, seconds=seconds)


async def test_every_change_is_posted_once_with_its_records_changes_in_order(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("all", healthy.url)
    records = cases(30)
    for second in range(4):
        await hooks.apply(*(step(each, second) for each in records))
    await has_taken(healthy, 120)
    assert {record: healthy.taken_of(record) for record in records} == {
        record: ["s0", "s1", "s2", "s3"] for record in records
    }
    assert set(Counter(each.id for each in healthy.messages).values()) == {1}
