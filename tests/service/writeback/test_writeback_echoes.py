"""Own changes that come back close their writebacks; the states of writebacks are reported as a
whole.
"""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

import orjson
import pytest
from rich.console import Console

from cli import trace
from cli.status.work import WritebackLine
from cli.writeback.output import batches_page, latency_page
from clients.writeback.queries import WritebackQueries
from schemas.writeback.messages import EchoCounts, EchoInput, PauseChange
from tests.service.writeback.test_writeback_control import hold
from tests.service.writeback.test_writebacks import case, someone_changes
from tests.support.builders.batches import Road
from tests.support.builders.waiting import until
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import writing


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


async def test_what_comes_back_closes_its_writeback_once(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(*(case(number) for number in range(3)))
        await writer.start()
        await writer.settled()
        request = EchoInput(org=engine.org, object="Case")
        assert await writer.echoes.find_echoes(request) == EchoCounts(looked=3, found=0)
        await asyncio.sleep(1.1)  # a backfill stays a second behind
        await engine.backfill("Case")

        async def is_closed() -> bool:  # the queue looks by itself, too
            await writer.echoes.find_echoes(request)
            return all(row.echoed_at is not None for row in writer.rows())

        await until(is_closed)
        rows = writer.rows()
        assert all(row.done_at <= row.echoed_at for row in rows)
        assert await writer.echoes.find_echoes(request) == EchoCounts()


async def test_how_long_each_part_of_the_way_took_is_told(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(*(case(number) for number in range(20)))
        await writer.start()
        await writer.settled()
    with closing(WritebackQueries(engine.database)) as looks:
        [told] = looks.latencies()
        [last] = looks.latencies(newest=1)
        [batch] = looks.batches(5, object_name="Case")
    assert (told.object, told.writebacks, told.echoed) == ("Case", 20, 0)
    assert 0 < told.done.p50 <= told.done.p99 <= told.done.most < 60
    assert told.echo is None
    assert last.writebacks == 20, "all are counted"
    assert last.done.p50 == last.done.most, "and the newest is measured"
    assert (batch["state"], batch["done"], batch["calls"]) == ("closed", 20, 2)
    console = Console(width=200, record=True)
    console.print(latency_page([told]), batches_page([batch]))
    assert "collections" in console.export_text()


async def test_what_waits_what_is_dead_and_who_holds_it_back_is_one_line_each(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(case(1), case(2, fields={"Status": "No such status"}))
        await writer.start()
        await writer.settled()
        hold(writer, PauseChange.PAUSE, whole_org=True)
        writer.accepted(case(3), case(4))
    with closing(WritebackQueries(engine.database)) as looks:
        view = WritebackLine(looks.standings(), looks.latencies(), looks.pauses())
    objects, pause = view.lines(datetime.now(UTC))
    assert objects.startswith("writebacks of Case: 2 waiting, 1 dead, oldest since ")
    assert "1 done in the last hour (p50 " in objects
    assert pause.startswith("writebacks: all objects paused by ada since ")
    assert [each["waiting"] for each in view.as_json()["standings"]] == [2]


async def test_a_trace_shows_a_records_writebacks(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(case(1), case(1, key="b", fields={"Subject": "b"}))
        await writer.start()
        rows = await writer.settled()
    with closing(WritebackQueries(engine.database)) as looks:
        found = looks.of_record(rows[0].record_id[:15], 10)
    assert [each["number"] for each in found] == [row.number for row in rows]
    line = trace.writeback_line(found[1])
    assert line.startswith(f"writeback {rows[1].number} by tests: done in batch {rows[1].batch}; accepted ")
    assert line.endswith("fields Subject")


LEAVES_OUT_OWN = """
    SELECT record_id FROM audit.case_change WHERE change_origin IS NULL OR change_origin NOT LIKE '%client=tidegate-%'
"""
"""As docs/writebacks.md gives it."""


async def test_events_of_own_writes_are_told_from_those_of_others_and_can_be_left_out(
    engine: SmallEngine,
) -> None:
    async with writing(engine) as writer:
        writer.accepted(*(case(number) for number in range(3)))
        await writer.start()
        rows = await writer.settled()
        someone_changes(writer, 1, Subject="theirs")
        stored = engine.served.org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
        events = [
            {**orjson.loads(text), "event": {"replayId": number}}
            for number, (text,) in enumerate(stored, start=1)
        ]
        await Road(engine.store, engine.warehouse).send(events)
        found = await writer.echoes.find_echoes(EchoInput(org=engine.org, object="Case"))
        assert (len(events), found) == (4, EchoCounts(looked=3, found=3))
        assert all(row.echoed_at is not None for row in writer.rows())
    assert engine.rows(LEAVES_OUT_OWN) == [(rows[1].record_id,)]
