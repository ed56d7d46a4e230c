"""Own changes that come back close their writebacks."""

from clients.writebacks.looks import WritebackLooks
from schemas.writebacks import EchoCounts, EchoInput
from tests.service.test_writebacks import case
from tests.small_engine import SmallEngine
from tests.waiting import until
from tests.writing_back import writing


async def test_what_comes_back_closes_its_writeback_once(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(*(case(number) for number in range(3)))
        await writer.start()
        await writer.settled()
        request = EchoInput(org=engine.org, object="Case")
        assert await writer.echoes.find_echoes(request) == EchoCounts(looked=3, found=0)
        await engine.backfill("Case")

        async def is_closed() -> bool:  # the queue looks by itself, too
            await writer.echoes.find_echoes(request)
            return all(row.echoed_at is not None for row in writer.rows())

        await until(is_closed)
        rows = writer.rows()
        assert all(row.accepted_at <= row.sent_at <= row.done_at <= row.echoed_at for row in rows)
        assert await writer.echoes.find_echoes(request) == EchoCounts()


async def test_how_long_each_part_of_the_way_took_is_told(engine: SmallEngine) -> None:
    async with writing(engine) as writer:
        writer.accepted(*(case(number) for number in range(20)))
        await writer.start()
        await writer.settled()
    looks = WritebackLooks(engine.database)
    try:
        [told] = looks.latencies()
    finally:
        looks.close()
    assert (told.object, told.writebacks, told.echoed) == ("Case", 20, 0)
    assert 0 < told.done.p50 <= told.done.p99 <= told.done.most < 60
    assert told.echo is None
