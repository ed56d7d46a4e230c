"""Temporal's payloads are encrypted before they leave the process, and read whether they are or
not.
"""

import asyncio
import dataclasses
import threading
import uuid
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import Worker

from clients.storage.objects import ObjectStore, S3Address
from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.codec import ENCODING, KEY_ID, EncryptingCodec, data_converter
from clients.temporal.connection import Spoken, TemporalAddress, connect
from clients.temporal.failures import readable
from schemas.errors import TerminalError
from schemas.security.ids import purpose_keys_prefix
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.faults.s3_proxy import Fate, s3_proxy

pytestmark = pytest.mark.service
SECRET = "the 0wl is f1ve"
QUEUE = "codec"


@pytest.fixture
def ring(s3_address: S3Address) -> PurposeKeys:
    return PurposeKeys(s3_address, f"o{uuid.uuid4().hex}", "temporal")


@activity.defn(name="fails_with_words")
async def fails_with_words(words: str) -> str:
    activity.heartbeat(words)
    await asyncio.sleep(0.05)
    raise ApplicationError(words, type="Words")


@workflow.defn(name="with-words", sandboxed=False)
class WithWords:
    def __init__(self) -> None:
        self._words = ""

    @workflow.run
    async def run(self, words: str) -> str:
        workflow.upsert_memo({"words": words})
        workflow.set_current_details(words)
        await workflow.wait_condition(lambda: bool(self._words))
        try:
            await workflow.execute_activity(
                fails_with_words,
                words,
                summary=words,
                start_to_close_timeout=timedelta(seconds=10),
                heartbeat_timeout=timedelta(seconds=5),
                retry_policy=RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=50)),
            )
        except ActivityError as error:
            if self._words == "fail":
                raise ApplicationError(words, type="Words") from error
            return str(getattr(error.cause, "message", ""))
        return ""

    @workflow.signal(name="say")
    def say(self, words: str, _more: str) -> None:
        self._words = words


async def client_with(address: str, ring: PurposeKeys, *, encrypts: bool) -> Client:
    converter = data_converter(EncryptingCodec(ring, encrypts=encrypts), encrypts=encrypts)
    return await connect(TemporalAddress(address, "default"), Spoken(converter))


@pytest.fixture
async def on(temporal_address: str, ring: PurposeKeys) -> Client:
    return await client_with(temporal_address, ring, encrypts=True)


async def ran(client: Client, words: str, said: str = "go") -> tuple[str, bytes]:
    """The workflow's result, and its history with its description as bytes."""
    async with Worker(client, task_queue=QUEUE, workflows=[WithWords], activities=[fails_with_words]):
        handle = await client.start_workflow(
            "with-words",
            words,
            id=f"codec-{uuid.uuid4().hex}",
            task_queue=QUEUE,
            memo={"first": words},
            static_summary=words,
            static_details=words,
            result_type=str,
        )
        await handle.signal("say", args=[said, words])
        try:
            result = await handle.result()
        except WorkflowFailureError as error:
            result = str(getattr(error.cause, "message", ""))
    events = [event async for event in handle.fetch_history_events()]
    described = await handle.describe()
    raw = (
        b"".join(event.SerializeToString() for event in events)
        + described.raw_description.SerializeToString()
    )
    return result, raw


@pytest.mark.parametrize("said", ["go", "fail"])
async def test_with_the_codec_on_no_word_is_in_a_history(on: Client, said: str) -> None:
    result, raw = await ran(on, SECRET, said)
    assert result == SECRET
    assert SECRET.encode() not in raw
    assert ENCODING in raw


async def test_with_the_codec_off_histories_are_readable(temporal_address: str, ring: PurposeKeys) -> None:
    off = await client_with(temporal_address, ring, encrypts=False)
    result, raw = await ran(off, SECRET)
    assert result == SECRET
    assert SECRET.encode() in raw
    assert ENCODING not in raw


async def test_a_run_that_began_in_plain_goes_on_encrypted_and_the_other_way_round(
    temporal_address: str, ring: PurposeKeys
) -> None:
    off = await client_with(temporal_address, ring, encrypts=False)
    on = await client_with(temporal_address, ring, encrypts=True)
    for first, second in ((off, on), (on, off)):
        handle = await first.start_workflow(
            "with-words", SECRET, id=f"codec-{uuid.uuid4().hex}", task_queue=QUEUE, result_type=str
        )
        async with Worker(second, task_queue=QUEUE, workflows=[WithWords], activities=[fails_with_words]):
            await first.get_workflow_handle(handle.id).signal("say", args=["go", SECRET])
            assert await second.get_workflow_handle(handle.id, result_type=str).result() == SECRET
        assert await handle.result() == SECRET


async def test_an_old_key_is_still_read_after_a_new_one_is_made(on: Client, ring: PurposeKeys) -> None:
    codec = on.data_converter.payload_codec
    assert codec is not None
    [old] = await codec.encode([Payload(data=b"old")])
    new_id = ring.rotate()
    [new] = await codec.encode([Payload(data=b"new")])
    assert old.metadata[KEY_ID] != new.metadata[KEY_ID] == new_id.encode()
    assert [each.data for each in await codec.decode([old, new])] == [b"old", b"new"]


async def test_another_process_reads_a_key_that_was_made_after_its_start(
    ring: PurposeKeys, s3_address: S3Address
) -> None:
    other = PurposeKeys(s3_address, ring._org, "temporal")
    ring.present()
    ring.rotate()
    [payload] = await EncryptingCodec(ring, encrypts=True).encode([Payload(data=b"new")])
    [found] = await EncryptingCodec(other, encrypts=False).decode([payload])
    assert found.data == b"new"


async def test_a_payload_whose_key_is_lost_names_the_key(
    ring: PurposeKeys, s3_address: S3Address, store: ObjectStore
) -> None:
    [payload] = await EncryptingCodec(ring, encrypts=True).encode([Payload(data=b"x")])
    key_id = ring.present().id
    for key in list(store.keys(purpose_keys_prefix(ring._org, "temporal"))):
        store.delete(key)
    after = EncryptingCodec(PurposeKeys(s3_address, ring._org, "temporal"), encrypts=True)
    with pytest.raises(TerminalError, match=key_id):
        await after.decode([payload])
    [new] = await after.encode([Payload(data=b"y")])
    assert new.metadata[KEY_ID] != payload.metadata[KEY_ID]  # never another key under its name


async def test_an_altered_payload_is_refused(ring: PurposeKeys) -> None:
    codec = EncryptingCodec(ring, encrypts=True)
    [payload] = await codec.encode([Payload(data=b"x")])
    changed = Payload(metadata=payload.metadata, data=payload.data[:-1] + bytes([payload.data[-1] ^ 1]))
    with pytest.raises(TerminalError, match="altered"):
        await codec.decode([changed])


async def test_a_pending_failure_and_a_heartbeat_are_read_back(on: Client) -> None:
    """As the status of a lane does."""

    @activity.defn(name="fails_with_words")
    async def for_ever(words: str) -> str:
        activity.heartbeat(words)
        raise ApplicationError(words, type="Words", next_retry_delay=timedelta(seconds=30))

    async with Worker(on, task_queue=QUEUE, workflows=[WithWords], activities=[for_ever]):
        handle = await on.start_workflow(
            "with-words", SECRET, id=f"codec-{uuid.uuid4().hex}", task_queue=QUEUE
        )
        await handle.signal("say", args=["go", SECRET])

        async def has_failed() -> bool:
            described = await handle.describe()
            return any(each.HasField("last_failure") for each in described.raw_description.pending_activities)

        await until(has_failed)
        [pending] = (await handle.describe()).raw_description.pending_activities
        assert SECRET.encode() not in pending.SerializeToString()
        assert (await readable(on, pending.last_failure)).message == SECRET
        details = await on.data_converter.decode(pending.heartbeat_details.payloads)
        assert details == [SECRET]


def test_a_process_ends_though_its_key_is_still_asked_for(s3_address: S3Address) -> None:
    upstream = int(str(s3_address.endpoint_url).rpartition(":")[2])
    with s3_proxy(upstream) as door:
        door.decide = lambda method, path: Fate.HANG
        behind = dataclasses.replace(s3_address, endpoint_url=door.url)
        codec = EncryptingCodec(PurposeKeys(behind, f"o{uuid.uuid4().hex}", "temporal"), encrypts=True)
        metadata = {"encoding": ENCODING, KEY_ID: b"0" * 16}

        async def ask() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(codec.decode([Payload(metadata=metadata, data=b"x")]), 0.5)

        process = threading.Thread(target=lambda: asyncio.run(ask()), daemon=True)
        process.start()
        process.join(30 * SLOWNESS)
        is_over = not process.is_alive()
        door.decide = lambda method, path: Fate.PASS
    assert is_over, "the end of its loop waits for S3"
