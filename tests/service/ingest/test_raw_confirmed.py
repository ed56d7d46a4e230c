"""Raw files and what stands on them: no manifest without its file, and a check of all of them."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa
import pytest

from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from clients.salesforce.streaming.stream import StreamMessage
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore, S3Address
from clients.storage.raw_check import RawQuestion, check_raw
from schemas.errors import UnavailableError
from schemas.ids import chain_prefix, raw_prefix
from schemas.ingest.raw import Manifest
from schemas.raw_check import RawFault, RawReport
from tests.support.builders.bus import event, protector
from tests.support.faults.s3_proxy import Fate, S3Proxy, s3_proxy

pytestmark = pytest.mark.service


@pytest.fixture
def proxy(s3_port: int) -> Iterator[S3Proxy]:
    with s3_proxy(s3_port) as serving:
        yield serving


@pytest.fixture
def org() -> str:
    return f"raw{uuid.uuid4().hex[:10]}"


def raw_table(number: int) -> pa.Table:
    """One event as it is landed."""
    buffer = LandingBuffer(protector(), BatchLimits())
    buffer.add([StreamMessage(number, event(number), 1_760_000_000_000)])
    return buffer.peek()


def landed(store: ObjectStore, org: str, count: int = 3) -> list[Manifest]:
    """A chain of so many batches."""
    chain, start, found = Chain(store, org=org, lane="changes"), "origin", []
    for number in range(count):
        manifest, _ = chain.land(raw_table(number + 1), start=start)
        found.append(manifest)
        start = manifest.end
    return found


def checked(store: ObjectStore, org: str, *, reads: bool = False) -> RawReport:
    """The whole report."""
    return list(check_raw(store, RawQuestion(org, reads=reads)))[-1]


def test_a_raw_file_that_is_acknowledged_and_not_kept_gets_no_manifest(
    proxy: S3Proxy, s3_address: S3Address, store: ObjectStore, org: str
) -> None:
    prefix = f"/{raw_prefix(org, 'changes')}"
    proxy.decide = lambda method, path: Fate.LIE if method == "PUT" and prefix in unquote(path) else Fate.PASS
    lying = ObjectStore(replace(s3_address, endpoint_url=proxy.url))
    with pytest.raises(UnavailableError, match="acknowledged, and is not there"):
        landed(lying, org, 1)
    assert list(store.keys(chain_prefix(org))) == []
    proxy.decide = lambda method, path: Fate.PASS
    assert len(landed(lying, org, 1)) == 1


def test_a_follower_that_may_not_delete_leaves_the_raw_file_of_a_lost_race(
    proxy: S3Proxy, s3_address: S3Address, store: ObjectStore, org: str
) -> None:
    (winner,) = landed(store, org, 1)
    proxy.decide = lambda method, path: Fate.FORBID if method == "DELETE" else Fate.PASS
    follower = Chain(ObjectStore(replace(s3_address, endpoint_url=proxy.url)), org=org, lane="changes")
    found, is_ours = follower.land(raw_table(7), start="origin")
    assert (found, is_ours) == (winner, False)
    assert len(list(store.keys(raw_prefix(org, "changes")))) == 2


def test_the_look_can_be_turned_off(proxy: S3Proxy, s3_address: S3Address, org: str) -> None:
    proxy.decide = lambda method, path: Fate.LIE if "/raw/" in path and method == "PUT" else Fate.PASS
    trusting = ObjectStore(replace(s3_address, endpoint_url=proxy.url, confirms_puts=False))
    assert len(landed(trusting, org, 1)) == 1


def test_a_body_that_arrives_otherwise_is_refused(
    proxy: S3Proxy, s3_address: S3Address, store: ObjectStore, org: str
) -> None:
    proxy.decide = lambda method, path: Fate.GARBLE if method == "PUT" else Fate.PASS
    through = ObjectStore(replace(s3_address, endpoint_url=proxy.url))
    with pytest.raises(UnavailableError):
        through.put(f"raw/{org}/x", b"as it was sent")
    with pytest.raises(UnavailableError):
        through.create(f"raw/{org}/y", b"as it was sent")
    assert list(store.keys(f"raw/{org}/")) == []


def test_manifests_are_held_against_their_files(store: ObjectStore, org: str) -> None:
    batches = landed(store, org, 5)
    assert checked(store, org).is_whole
    store.delete(batches[0].raw_key)
    store.put(batches[1].raw_key, b"short")
    other = bytes(batches[2].raw_bytes)
    store.put_confirmed(batches[2].raw_key, other, hashlib.sha256(other).hexdigest())
    store.put(f"{chain_prefix(org, 'changes')}{9:020d}.json", b"no manifest")
    report = checked(store, org)
    faults = {each.raw: each.fault for each in report.findings}
    assert faults == {
        batches[0].raw_key: RawFault.MISSING,
        batches[1].raw_key: RawFault.SIZE,
        batches[2].raw_key: RawFault.CHECKSUM,
        "": RawFault.MANIFEST,
    }
    assert (report.faults, report.batches, report.lanes) == (4, 6, 1)


def test_bytes_that_differ_under_no_checksum_are_found_by_reading(store: ObjectStore, org: str) -> None:
    [batch] = landed(store, org, 1)
    store.put(batch.raw_key, bytes(batch.raw_bytes))
    assert checked(store, org).is_whole
    assert [each.fault for each in checked(store, org, reads=True).findings] == [RawFault.CHECKSUM]
