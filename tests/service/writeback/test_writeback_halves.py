"""A collection that the org refuses for one of its rows is sent again in halves, until that row is
by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from activities.writeback.bisect import MOST_REFUSALS
from sandbox.org.faults.faults import FaultRule
from sandbox.org.schema.objects import OrgField
from sandbox.org.state.schema_changes import SchemaChanges
from schemas import names
from schemas.writeback.messages import PauseChange
from tests.service.writeback.test_writeback_control import WRITE, hold
from tests.service.writeback.test_writebacks import case, effects
from tests.support.builders.waiting import has_struck, until
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import WritingEngine, writing

pytestmark = pytest.mark.service


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    """The org takes only numbers for a subject since a moment ago; nobody has heard of it."""
    await engine.served.sessions.session()
    SchemaChanges(engine.served.org).retype("Case", "Subject", OrgField(type="double"))
    async with writing(engine) as found:
        yield found


def cases(count: int, *bad: int) -> list[dict[str, Any]]:
    return [
        case(number, fields={"Subject": "roof" if number in bad else f"{number}", "Status": "New"})
        for number in range(count)
    ]


def dead(writer: WritingEngine) -> dict[str, str]:
    """External id -> code, of the dead letters."""
    return {row.external_id: row.code for row in writer.rows() if row.state == "dead"}


@pytest.mark.parametrize(("count", "bad"), [(1, [0]), (40, [7]), (450, [3, 444])])
async def test_a_row_that_the_org_cannot_read_is_a_dead_letter_and_its_neighbours_are_done(
    writer: WritingEngine, count: int, bad: list[int]
) -> None:
    writer.accepted(*cases(count, *bad))
    await writer.start()
    rows = await writer.settled()
    assert dead(writer) == {f"C-{number}": "JSON_PARSER_ERROR" for number in bad}
    assert {row.state for row in rows} <= {"done", "dead"}
    assert list(effects(writer).values()) == [1] * (count - len(bad))


async def test_where_every_row_is_refused_the_dividing_ends_and_each_says_why(writer: WritingEngine) -> None:
    writer.accepted(*cases(200, *range(200)))
    await writer.start()
    await writer.settled()
    assert set(dead(writer).values()) == {"JSON_PARSER_ERROR"}
    assert len(dead(writer)) == 200
    assert sum(batch.calls for batch in writer.batches()) <= 2 * MOST_REFUSALS + 3


async def test_a_pause_while_halves_are_sent_holds_back_those_that_are_left(writer: WritingEngine) -> None:
    slow = FaultRule(point="http", kind="latency", match=WRITE, times=1, after=1, seconds=600)
    writer.engine.served.org.faults.add(slow)
    writer.accepted(*cases(40, 27))
    queue = await writer.start()

    await until(
        partial(has_struck, writer.engine.served.org)
    )  # the first call has ended, the second one is under way
    await asyncio.to_thread(hold, writer, PauseChange.PAUSE)
    writer.engine.served.org.faults.clear()

    async def is_over() -> bool:
        return writer.batches()[0].state == "closed"

    await until(is_over)
    states = writer.states()
    assert (states.count("waiting"), states.count("dead"), states.count("done")) == (20, 0, 20)
    await asyncio.to_thread(hold, writer, PauseChange.RESUME)
    await queue.signal(names.WAKE)
    await writer.settled()
    assert dead(writer) == {"C-27": "JSON_PARSER_ERROR"}
    assert list(effects(writer).values()) == [1] * 39
