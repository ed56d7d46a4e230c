"""A data key is made once, never in the place of one that something was encrypted with, and what
was seen of it is remembered.
"""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pytest

from clients.database.key_register import DataKeyRegister
from clients.doctor.keys import examine_key
from clients.storage.chain import Chain
from clients.storage.data_key import DataKeys, org_data_key, org_key_ring
from clients.storage.objects import ObjectStore, S3Address
from clients.storage.status_look import KeyLook
from clients.warehouse.postgres import PostgresWarehouse
from schemas.doctor import State
from schemas.errors import DataKeyMissingError, WrongDataKeyError
from schemas.ingest.raw import RAW_SCHEMA, Manifest
from schemas.security.ids import data_key_key
from tests.support.builders.batches import Road
from tests.support.builders.things import CATALOGUE, event
from workers.security.keys import has_rows

pytestmark = pytest.mark.service


@pytest.fixture
def org() -> str:
    """An org that nothing knows."""
    return f"00D{uuid.uuid4().hex[:15]}"


@pytest.fixture
def register(database: str) -> Iterator[DataKeyRegister]:
    opened = DataKeyRegister(database)
    opened.ensure()
    yield opened
    opened.close()


def land(store: ObjectStore, org: str, key_name: str = "") -> Manifest:
    raw = pa.Table.from_pylist(
        [{"position": "1", "object": "Case", "changes": 1, "received_at": datetime.now(UTC), "event": "{}"}],
        schema=RAW_SCHEMA,
    )
    manifest, _ = Chain(store, org=org, lane="changes", key_name=key_name).land(raw, start="origin")
    return manifest


def forget(store: ObjectStore, org: str, key_id: str = "1") -> bytes:
    """Delete a key; returns the object."""
    where = data_key_key(org, key_id)
    body = store.get(where)
    store.delete(where)
    return body


def test_the_first_key_is_made_once(store: ObjectStore, s3_address: S3Address, org: str) -> None:
    assert org_data_key(org, s3_address, store) == org_data_key(org, s3_address, store)


async def test_processes_that_start_at_once_have_one_key(
    store: ObjectStore, s3_address: S3Address, org: str, register: DataKeyRegister
) -> None:
    found = await asyncio.gather(
        *(asyncio.to_thread(org_key_ring, org, s3_address, store, register=register) for _ in range(4))
    )
    assert len({ring.active.fingerprint for ring in found}) == 1


def test_no_key_is_made_where_the_org_has_a_chain(
    store: ObjectStore, s3_address: S3Address, org: str
) -> None:
    org_data_key(org, s3_address, store)
    land(store, org)
    forget(store, org)
    with pytest.raises(DataKeyMissingError, match="the org has manifests"):
        org_data_key(org, s3_address, store)
    assert store.find(data_key_key(org)) is None


def test_no_key_is_made_where_raw_files_lie(store: ObjectStore, s3_address: S3Address, org: str) -> None:
    store.put(f"raw/{org}/changes/dt=2026-11-30/1.parquet", b"-")
    with pytest.raises(DataKeyMissingError, match="the org has raw files"):
        org_data_key(org, s3_address, store)


async def test_no_key_is_made_where_the_warehouse_has_rows(
    store: ObjectStore, s3_address: S3Address, org: str, warehouse: PostgresWarehouse
) -> None:
    assert not has_rows(warehouse, CATALOGUE)
    warehouse.ensure_tables(CATALOGUE)
    assert not has_rows(warehouse, CATALOGUE)
    await Road(store, warehouse, CATALOGUE).send([event()])
    assert has_rows(warehouse, CATALOGUE)
    with pytest.raises(DataKeyMissingError, match="the org has rows in the warehouse"):
        org_key_ring(org, s3_address, store, has_rows=lambda: has_rows(warehouse, CATALOGUE))


def test_a_key_that_the_register_knows_is_never_made_again(
    store: ObjectStore, s3_address: S3Address, org: str, register: DataKeyRegister
) -> None:
    made = org_key_ring(org, s3_address, store, register=register, by="ada")
    [known] = register.keys(org)
    assert (known.id, known.fingerprint, known.made_by) == ("1", made.active.fingerprint, "ada")
    body = forget(store, org)
    with pytest.raises(DataKeyMissingError, match=f"keys/{org}/1.json is gone.*the register knows it"):
        org_key_ring(org, s3_address, store, register=register)
    store.put(data_key_key(org), body)
    assert org_key_ring(org, s3_address, store, register=register).active == made.active


def test_another_key_in_the_place_of_the_first_is_refused(
    store: ObjectStore, s3_address: S3Address, org: str, register: DataKeyRegister
) -> None:
    org_key_ring(org, s3_address, store, register=register)
    forget(store, org)
    org_data_key(org, s3_address, store)  # as an older release did
    with pytest.raises(WrongDataKeyError, match="and the register has"):
        org_key_ring(org, s3_address, store, register=register)


def test_what_was_landed_tells_a_wrong_key_when_nobody_remembers_the_right_one(
    store: ObjectStore, s3_address: S3Address, org: str, register: DataKeyRegister
) -> None:
    land(store, org, "1:ffffffffffffffffffffffffffffffff")
    DataKeys(org, s3_address, store).make("1")  # as an older release did
    with pytest.raises(WrongDataKeyError, match="the manifest of changes/origin has fff"):
        org_key_ring(org, s3_address, store, register=register)
    assert register.keys(org) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"wrapped": "!"}', b'{"wrapped": "bm90aGluZw=="}'])
def test_an_object_that_is_no_key_is_refused(
    store: ObjectStore, s3_address: S3Address, org: str, body: bytes
) -> None:
    store.put(data_key_key(org), body)
    with pytest.raises(WrongDataKeyError, match="it cannot be opened"):
        org_data_key(org, s3_address, store)


def test_a_manifest_says_which_key_its_batch_was_landed_with(store: ObjectStore, org: str) -> None:
    manifest = land(store, org, "1:abc")
    assert Chain(store, org=org, lane="changes").find("origin") == manifest
    assert manifest.data_key == "1:abc"


def test_a_manifest_of_an_older_release_is_read(store: ObjectStore, org: str) -> None:
    old = land(store, org).model_dump(mode="json")
    del old["data_key"]
    store.put(f"chain/{org}/changes/origin.json", orjson.dumps(old))
    found = Chain(store, org=org, lane="changes").find("origin")
    assert found is not None
    assert found.data_key == ""


def test_doctor_and_status_say_which_key_encrypts_and_that_one_is_gone(
    store: ObjectStore, s3_address: S3Address, org: str, register: DataKeyRegister, database: str
) -> None:
    ring = org_key_ring(org, s3_address, store, register=register)
    [_, found] = examine_key(org, s3_address, database)
    assert (found.state, found.found) == (State.OK, f"key 1 encrypts (fingerprint {ring.active.fingerprint})")
    look = KeyLook(org, s3_address, lambda: register.known(org))
    look.ask()
    forget(store, org)
    [_, found] = examine_key(org, s3_address, database)
    assert (found.code, found.where) == ("kms.data_key_lost", f"keys/{org}/1.json")
    with pytest.raises(DataKeyMissingError):
        look.ask()
