"""Pages are read while they come: whatever cuts them, on the way or between two readers, every row
is landed once, and what breaks off has landed nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.ingest import land_page
from clients.storage.chain import Chain
from sandbox.org.faults.faults import FaultRule
from schemas.backfill import ByTime, Part, PartInput, ReadSlice
from schemas.errors import UnavailableError
from schemas.governor import LeaseClass
from schemas.ids import part_lane
from tests.support.engines.small_engine import SmallEngine
from tests.support.faults.killing import Kill, KilledError, Watched

pytestmark = pytest.mark.service

ROWS, PAGE_ROWS = 70, 40
BLOCK_BYTES = 1_000
"""A few rows, so that a page has many."""
WHOLE = PartInput(
    org="",
    object="Account",
    window="all",
    part=Part(number=0, by=ByTime.CREATED),
    lease_class=LeaseClass.BACKFILL,
)


@pytest.fixture
def filled(engine: SmallEngine) -> SmallEngine:
    """An engine over an org with accounts in two pages, whose names have what a CSV may cut."""
    org = engine.served.org
    with org.transaction() as tx:
        for number in range(ROWS):
            tx.create("Account", {"Name": f'Konto "{number}",\r\nzweite Zeile, é𝄞'})
    org.clock.advance(10)
    org.dials.bulk.page_rows = PAGE_ROWS
    engine.read_part.block_bytes = BLOCK_BYTES
    engine.read_part.waits = (0.05, 0.2)
    return engine


async def read(engine: SmallEngine) -> ReadSlice:
    request = WHOLE.model_copy(update={"org": engine.org})
    return await ActivityEnvironment().run(engine.read_part.read_part, request)


def chain_of(engine: SmallEngine) -> Chain:
    return Chain(engine.store, org=engine.org, lane=part_lane("account", "all", 0, 0))


def landed(engine: SmallEngine) -> list[int]:
    """Rows of each batch; every record is in one of them, once."""
    chain = chain_of(engine)
    batches = list(chain.walk())
    ids = [record for each in batches for record in chain.read_raw(each)["Id"].to_pylist()]
    assert (len(ids), len(set(ids))) == (ROWS, ROWS)
    return [each.events for each in batches]


class AlteredStreams:
    """Stands before the way to the org; `alter` gets each streamed answer's headers and pieces."""

    def __init__(self, target: Any, alter: Any) -> None:
        self._target = target
        self._alter = alter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def stream(self, call: Any, take: Any) -> Any:
        async def altered(response: httpx.Response, pieces: AsyncIterator[bytes]) -> Any:
            return await take(response, self._alter(response, pieces))

        return await self._target.stream(call, altered)


async def test_a_page_is_read_a_byte_at_a_time_as_it_is_in_one_piece(filled: SmallEngine) -> None:
    async def bytewise(_: httpx.Response, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            for place in range(len(piece)):
                yield piece[place : place + 1]

    filled.read_part.org = AlteredStreams(filled.served.http, bytewise)  # type: ignore[assignment]
    assert (await read(filled)).done
    assert landed(filled) == [PAGE_ROWS, ROWS - PAGE_ROWS]


async def test_a_page_that_breaks_off_midway_has_landed_nothing_and_is_read_again(
    filled: SmallEngine,
) -> None:
    seen: list[int] = []

    async def torn(_: httpx.Response, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        seen.append(len(list(chain_of(filled).landed())))
        body = b"".join([piece async for piece in pieces])
        yield body[: len(body) * 3 // 4] if len(seen) <= 2 else body
        if len(seen) <= 2:
            raise UnavailableError(system="Salesforce", detail="the connection is gone")

    filled.landings.slice_rows = 7
    filled.served.org.dials.bulk.page_rows = ROWS
    filled.read_part.org = AlteredStreams(filled.served.http, torn)  # type: ignore[assignment]
    assert (await read(filled)).done
    assert seen == [0, 0, 0]
    assert landed(filled) == [7] * 10


async def test_pages_whose_connection_is_reset_are_read_again(filled: SmallEngine) -> None:
    filled.served.org.faults.add(FaultRule(point="bulk.page", kind="truncate", times=2))
    assert (await read(filled)).done
    assert landed(filled) == [PAGE_ROWS, ROWS - PAGE_ROWS]


async def test_a_page_with_fewer_rows_than_its_header_says_is_not_landed(filled: SmallEngine) -> None:
    def short(response: httpx.Response, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        response.headers["Sforce-NumberOfRecords"] = str(ROWS + 1)
        return pieces

    filled.served.org.dials.bulk.page_rows = ROWS
    filled.landings.slice_rows = 20
    filled.read_part.org = AlteredStreams(filled.served.http, short)  # type: ignore[assignment]
    with pytest.raises(UnavailableError, match=f"has {ROWS} rows, its header says {ROWS + 1}"):
        await read(filled)
    assert list(chain_of(filled).landed()) == []
    filled.read_part.org = filled.served.http
    assert (await read(filled)).done
    assert landed(filled) == [20, 20, 20, 10]


async def test_a_page_that_was_cut_otherwise_before_is_gone_on_with(filled: SmallEngine) -> None:
    """By an earlier release, say, whose batches had other sizes."""
    filled.landings.slice_rows = 15
    filled.landings.store = Watched(filled.store, Kill(("create", "chain/"), nth=2))  # type: ignore[assignment]
    filled.served.org.dials.bulk.page_rows = ROWS
    with pytest.raises(KilledError):
        await read(filled)
    filled.landings.slice_rows = 20
    assert (await read(filled)).done
    assert landed(filled) == [15, 15, 20, 20]


async def test_readers_that_cut_one_page_in_two_ways_make_one_chain(filled: SmallEngine) -> None:
    """The first one's first batch stands when the other one, which saw none, comes with its own."""
    filled.served.org.dials.bulk.page_rows = ROWS
    filled.landings.slice_rows = 15
    first = asyncio.Event()

    async def waits(_: httpx.Response, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        first.set()
        await other
        async for piece in pieces:
            yield piece

    async def read_other() -> ReadSlice:
        await first.wait()
        filled.landings.slice_rows = 20
        filled.read_part.org = filled.served.http
        return await read(filled)

    filled.read_part.org = AlteredStreams(filled.served.http, waits)  # type: ignore[assignment]
    other = asyncio.create_task(read_other())
    assert (await read(filled)).done
    assert other.result().done
    assert landed(filled) == [20, 20, 20, 10]


async def test_a_batch_ends_at_its_bytes_when_they_come_before_its_rows(filled: SmallEngine) -> None:
    filled.landings.slice_bytes = 3 * BLOCK_BYTES
    assert (await read(filled)).done
    rows = landed(filled)
    assert len(rows) > 4
    assert max(rows) < PAGE_ROWS / 2


async def test_a_page_that_takes_too_long_to_come_lands_nothing(
    filled: SmallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(land_page, "MOST_SECONDS", -1.0)
    with pytest.raises(UnavailableError, match="took more than"):
        await read(filled)
    assert list(chain_of(filled).landed()) == []
