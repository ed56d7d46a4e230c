"""Laws 1 and 2 hold for polled lanes: nothing is passed that is not landed, and there is one chain,
whichever process polls.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.ingest.poll_lane import PollLane
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from clients.salesforce.request import Call
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from sandbox.org.state.org import Org
from schemas import names
from schemas.errors import UnavailableError
from schemas.governor import LeaseClass
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneInput, PauseInput
from schemas.ingest.raw import Manifest
from schemas.planner import Way
from tests.support.builders.waiting import until
from tests.support.engines.polling import poll_lane, poll_until
from tests.support.engines.served_org import ServedOrg, served_org
from tests.support.scripted.scripted import ScriptedFollower
from workers.roles import sandboxed_runner
from workflows import LaneWorkflow

pytestmark = pytest.mark.service

ORG = "polled"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as served:
        yield served


@pytest.fixture
def chain(store: ObjectStore) -> Chain:
    return Chain(store, org=ORG, lane=uuid.uuid4().hex)


def start() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


def make(org: Org, count: int) -> list[str]:
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {n:05d}"}) for n in range(count)]


def headers(chain: Chain) -> list[dict[str, Any]]:
    return [
        orjson.loads(text)["payload"]["ChangeEventHeader"]
        for manifest in chain.walk()
        for text in chain.read_raw(manifest)["event"].to_pylist()
    ]


def landed_ids(chain: Chain) -> list[str]:
    return [header["recordIds"][0] for header in headers(chain)]


def has(chain: Chain, expected: set[str]) -> bool:
    return expected <= set(landed_ids(chain))


def assert_one_chain(chain: Chain, store: ObjectStore) -> None:
    walked = list(chain.walk())
    keys = store.keys(f"chain/{chain.org}/{chain.lane}/")
    every = [Manifest.model_validate_json(store.get(key)) for key in keys]
    assert sorted(each.start for each in every) == sorted(each.start for each in walked), "a fork"
    ends = [manifest.end for manifest in walked]
    assert ends == sorted(set(ends)), "a loop, or a step back"


async def test_a_busy_window_is_landed_as_several_batches_that_end_at_rows(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    began = start()
    made = set(make(served.org, 130))
    activity = poll_lane(client, store, served, most_changes=50)
    await poll_until(activity, chain, lambda: has(chain, made), start_at=began)
    batches = list(chain.walk())
    assert [batch.changes for batch in batches] == [50, 50, 30]
    assert [batch.end.partition("-")[2] for batch in batches] == [sorted(made)[n] for n in (49, 99, 129)]
    assert Counter(landed_ids(chain)) == Counter(made)


async def test_an_empty_poll_lands_nothing(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    await poll_until(
        poll_lane(client, store, served),
        chain,
        lambda: len(served.app.state.outermost.calls) > 5,
        start_at=start(),
    )
    assert list(chain.walk()) == []


@pytest.mark.parametrize("seed", range(2))
async def test_two_pollers_at_once_make_one_chain(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain, seed: int
) -> None:
    chance, made = random.Random(seed), set[str]()
    began = start()

    async def write() -> None:
        for _ in range(12):
            made.update(make(served.org, chance.randint(1, 12)))
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(write())
    pollers = [
        poll_until(
            poll_lane(client, store, served, most_changes=chance.randint(3, 20)),
            chain,
            lambda: writing.done() and has(chain, made),
            start_at=began,
        )
        for _ in range(2)
    ]
    await asyncio.gather(*pollers)
    assert_one_chain(chain, store)
    assert set(landed_ids(chain)) == made
    assert max(Counter(landed_ids(chain)).values()) == 1


async def test_a_poller_that_dies_anywhere_is_followed_without_a_gap(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    """Every attempt dies at another step of landing a batch: before the file, the manifest, the
    workflow.
    """
    began = start()
    made = set(make(served.org, 60))
    for dies_at in ("put", "create", "start"):
        with pytest.raises(UnavailableError):
            await poll_until(
                poll_lane(_dying(client, dies_at), _dying_store(store, dies_at), served, most_changes=10),
                chain,
                lambda: False,
                start_at=began,
            )
    await poll_until(
        poll_lane(client, store, served, most_changes=25), chain, lambda: has(chain, made), start_at=began
    )
    assert_one_chain(chain, store)
    assert Counter(landed_ids(chain)) == Counter(made)
    for manifest in chain.walk():
        await client.get_workflow_handle(manifest.workflow_id).describe()


class _DyingStore(ObjectStore):
    step = ""

    def put_confirmed(self, key: str, body: bytes, sha256: str) -> None:
        if self.step == "put":
            raise UnavailableError(system="S3", detail="it dies")
        super().put_confirmed(key, body, sha256)

    def create(self, key: str, body: bytes) -> bool:
        if self.step == "create":
            raise UnavailableError(system="S3", detail="it dies")
        return super().create(key, body)


def _dying_store(store: ObjectStore, step: str) -> ObjectStore:
    dying = _DyingStore.__new__(_DyingStore)
    dying.__dict__ |= store.__dict__ | {"step": step}
    return dying


def _dying(client: Client, step: str) -> Client:
    if step != "start":
        return client

    class Dying(Client):
        async def start_workflow(self, *_: Any, **__: Any) -> Any:
            raise UnavailableError(system="Temporal", detail="it dies")

    return Dying(**client.config())


async def test_records_that_no_query_shows_any_more_are_landed_as_deleted(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    began = start()
    gone, stays = make(served.org, 2)
    with served.org.transaction() as tx:
        tx.delete("Account", gone)
        tx.hard_delete("Account", gone)
    served.org.advance_clock(120)
    await poll_until(
        poll_lane(client, store, served), chain, lambda: has(chain, {gone, stays}), start_at=began
    )
    kinds = {header["recordIds"][0]: header["changeType"] for header in headers(chain)}
    assert kinds == {gone: "DELETE", stays: "SNAPSHOT"}
    assert [batch.changes for batch in chain.walk()] == [1, 1]
    assert_one_chain(chain, store)


async def test_a_paused_lane_says_how_far_it_came_and_goes_on_from_there(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    began = start()
    first = set(make(served.org, 3))
    lane = LaneInput(
        org=ORG, lane=chain.lane, way=Way.POLL, object="Account", every=timedelta(seconds=1), start_at=began
    )
    async with _serving(client, poll_lane(client, store, served)):
        handle = await client.start_workflow(
            LaneWorkflow.run, lane, id=lane_workflow_id(ORG, chain.lane), task_queue=names.WORKFLOW_QUEUE
        )
        await until(lambda: asyncio.to_thread(has, chain, first))
        await handle.signal(LaneWorkflow.pause, PauseInput(by="ada"))
        [batch] = chain.walk()
        await until(lambda: _is_at(handle, batch.end))
        second = set(make(served.org, 2))
        await handle.signal(LaneWorkflow.resume, PauseInput(by="ada"))
        await until(lambda: asyncio.to_thread(has, chain, second))
    assert Counter(landed_ids(chain)) == Counter(first | second)


async def _is_at(handle: WorkflowHandle[LaneWorkflow, None], position: str) -> bool:
    state = await handle.query(LaneWorkflow.state)
    return state.paused and state.position == position


@asynccontextmanager
async def _serving(client: Client, activity: PollLane) -> AsyncIterator[None]:
    """Workers for lane workflows and the real poll_lane; acts are taken note of by a script."""
    # a cancelled activity hears of it with its next heartbeat
    throttle = timedelta(milliseconds=100)
    async with (
        Worker(
            client,
            task_queue=names.WORKFLOW_QUEUE,
            workflows=[LaneWorkflow],
            workflow_runner=sandboxed_runner(),
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[ScriptedFollower().record_act]),
        Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[activity.poll_lane],
            interceptors=[ErrorTranslationInterceptor()],
            max_heartbeat_throttle_interval=throttle,
        ),
    ):
        yield


async def test_what_another_lane_has_received_is_not_polled_again(
    client: Client, store: ObjectStore, served: ServedOrg, chain: Chain
) -> None:
    """The lane was paused while its object was streamed; the chain goes on all the same."""
    began = start()
    [first] = make(served.org, 1)
    activity = poll_lane(client, store, served)
    await poll_until(activity, chain, lambda: has(chain, {first}), start_at=began)
    [streamed] = make(served.org, 1)
    served.org.advance_clock(60)
    await served.http.read(Call("GET", f"{served.http.data_path}/limits", LeaseClass.POLLING))
    handed_over = datetime.fromtimestamp(served.org.clock.seconds(), UTC)
    [polled] = make(served.org, 1)
    await poll_until(activity, chain, lambda: has(chain, {polled}), start_at=handed_over)
    assert landed_ids(chain) == [first, polled]
    assert streamed not in landed_ids(chain)
    assert_one_chain(chain, store)
