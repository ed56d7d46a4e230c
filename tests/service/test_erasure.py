"""The steps of an erasure over real stores: what goes, what stays, and that it can be done
again.
"""

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from clients.storage.chain import Chain, RowFacts
from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.shadow.compare import compare_shadow
from schemas.catalogue import Catalogue
from schemas.errors import ActRefusedError
from schemas.ingest.raw import Manifest
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, protector, stamps
from tests.support.builders.catalogues import strict
from tests.support.builders.tokens import TOKEN
from tests.support.engines.erasing import Erasures
from tests.support.engines.replaying import Replays
from transforms.ingest.row_pages import page_of_records, protect_page

pytestmark = pytest.mark.service

PEOPLE = [f"003{number:012d}AAA" for number in range(6)]
CASES = [f"500{number:012d}AAA" for number in range(6)]
GONE, STAYS = PEOPLE[0], PEOPLE[1]


@pytest.fixture
def store(s3_address: S3Address) -> ObjectStore:
    """A bucket of the test's own that keeps every version."""
    address = replace(s3_address, bucket=f"erasure-{uuid.uuid4().hex[:12]}")
    s3 = aws_client("s3", address)
    s3.create_bucket(Bucket=address.bucket)
    s3.put_bucket_versioning(Bucket=address.bucket, VersioningConfiguration={"Status": "Enabled"})
    return ObjectStore(address)


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore, database: str) -> Road:
    opened = Road(store, warehouse, strict())
    warehouse.ensure_tables(opened.catalogue)
    return opened


@pytest.fixture
def erasures(road: Road, database: str) -> Erasures:
    return Erasures(road, database)


def mark(person: int) -> str:
    return f"zq7p{person:02d}x"


def contact(number: int, person: int, **more: Any) -> dict[str, Any]:
    """A whole contact of a person."""
    name = mark(person)
    payload = {
        "Name": {"FirstName": f"{name} first", "LastName": f"{name} last"},
        "Email": f"{name}@example.org",
        "ExternalId__c": f"{name}-ext",
        "OutreachNotes__c": f"{name} notes",
        "Title": f"{name} title",
        "HasOptedOutOfEmail": True,
        "Strange__c": f"{name} strange",
        **stamps(),
        **more,
    }
    return event(number, payload, object_name="Contact", record_ids=[PEOPLE[person]])


def case(number: int, person: int) -> dict[str, Any]:
    payload = {
        "CaseNumber": f"{number}",
        "Status": "New",
        "ContactId": PEOPLE[person],
        "Description": f"{mark(person)} writes",
        **stamps(),
    }
    return event(number, payload, record_ids=[CASES[person]])


async def plant(road: Road) -> None:
    """Three people in batches of every kind: whole, updated, merged, late, refused, unreadable."""
    await road.send(
        [contact(person + 1, person) for person in range(3)] + [case(10 + n, n) for n in range(3)]
    )
    some = {"Title": f"{mark(1)} both"}
    await road.send(
        [
            event(20, some, object_name="Contact", record_ids=PEOPLE[:2], change_type="UPDATE"),
            event(21, {"Email": 17}, object_name="Contact", record_ids=[GONE], change_type="UPDATE"),
            event(22, {}, object_name="Contact", record_ids=PEOPLE[:2], change_type="GAP_UPDATE"),
            {"event": {"replayId": 23}, "payload": f"{GONE} {mark(0)} unreadable"},
        ]
    )
    # A change that comes late has its record folded from the log.
    late = event(
        15, {"Title": f"{mark(0)} late"}, object_name="Contact", record_ids=[GONE], change_type="UPDATE"
    )
    late["event"]["replayId"] = 24
    await road.send([late, {**contact(2, 1), "event": {"replayId": 25}}])


def everything(road: Road, dsn: str) -> dict[str, bytes]:
    """Objects and tables, laid open, with what is behind their tokens."""
    found: dict[str, bytes] = {}
    for key, body in _objects(road.store):
        # Every version of an object.
        found[key] = found.get(key, b"") + body
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
            "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t').fetchall()
            found[f"{schema}.{table}"] = "\n".join(row[0] for row in rows).encode()
    return {name: body + _behind(body, road.catalogue) for name, body in found.items()}


def _objects(store: ObjectStore) -> Iterator[tuple[str, bytes]]:
    s3, bucket = store._s3, store.bucket_of("raw/")
    listed = s3.list_object_versions(Bucket=bucket)
    assert not listed.get("IsTruncated")
    for entry in listed.get("Versions", []):
        key, version = entry["Key"], entry["VersionId"]
        body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
        if body[:4] == b"PAR1":
            body = repr(pq.read_table(io.BytesIO(body)).to_pylist()).encode()
        yield key, body


def _behind(body: bytes, catalogue: Catalogue) -> bytes:
    key, opened = protector(catalogue), []
    contexts = ["unknown", "erasure", "Contact.Strange__c"]
    contexts += [f"{spec.name}.{name}" for spec in catalogue.objects.values() for name in spec.fields]
    for token in set(TOKEN.findall(body)):
        for context in contexts:
            try:
                opened.append(str(key.decrypt(context, token.decode())))
            except ValueError:
                continue
    return "\n".join(opened).encode()


def places(found: dict[str, bytes], person: int) -> list[str]:
    """Names of what holds something of a person, but for the scope of an erasure under way."""
    wanted = mark(person).encode()
    return sorted(name for name, body in found.items() if wanted in body and not name.startswith("erasures/"))


async def test_nothing_of_the_erased_is_left_and_the_others_are_whole(
    road: Road, erasures: Erasures, database: str
) -> None:
    await plant(road)
    before = everything(road, database)
    assert {each.split("/")[0] for each in places(before, 0)} >= {
        "raw",
        "staged",
        "audit.contact_change",
        "curated.contact_current",
        "curated.contact_history",
        "audit.case_change",
        "ops.quarantine",
    }
    counts = await erasures.erase(GONE, with_related=True)
    after = everything(road, database)
    assert places(after, 0) == []
    assert list(road.store.keys("erasures/")) == []
    lost = set(places(before, 1)) - set(places(after, 1))
    assert [each for each in lost if not each.startswith("raw/")] == []
    assert places(after, 2)
    assert counts["audit.contact_change"].rewritten == 4
    assert counts["curated.case_current"].rewritten == 1


async def test_chain_ledger_and_places_are_as_they_were(
    road: Road, erasures: Erasures, database: str
) -> None:
    await plant(road)
    chain = Chain(road.store, org="road", lane=road.lane)
    before, ledger = list(chain.walk()), books(database)
    await erasures.erase(GONE)
    after = list(chain.walk())
    assert [(each.start, each.end, each.landed) for each in after] == [
        (each.start, each.end, each.landed) for each in before
    ]
    for manifest, was in zip(after, before, strict=True):
        assert sum(chain.read_raw(manifest)["changes"].to_pylist()) == was.changes
        assert (manifest.erasures[0].erasure, manifest.erasures[0].former_sha256) == ("ids-1", was.raw_sha256)
        assert road.store.find(was.raw_key) is None
    assert books(database) == ledger
    with psycopg.connect(database) as connection:
        named = {row[0] for row in connection.execute("SELECT raw_key FROM ops.ledger")}
    assert named == {manifest.raw_key for manifest in after}


def books(database: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        query = "SELECT batch, object, landed, applied, duplicate, quarantined FROM ops.ledger ORDER BY 1, 2"
        rows = connection.execute(query).fetchall()
    assert all(row[2] == row[3] + row[4] + row[5] for row in rows)
    return rows


async def test_a_replay_gives_the_erased_state(road: Road, erasures: Erasures, database: str) -> None:
    await plant(road)
    replays = Replays(road, database, road.catalogue)
    await replays.run(shadow="before")
    await erasures.erase(GONE)
    assert places(everything(road, database), 0) == []
    counts = await replays.run()
    assert counts.applied == 0
    await replays.run(shadow="after")
    with_tables = road.warehouse
    assert isinstance(with_tables, PostgresWarehouse)
    different = [each for each in compare_shadow(with_tables, road.catalogue, "after") if not each.is_equal]
    assert different == []


async def test_what_was_staged_before_is_applied_without_values(
    road: Road, erasures: Erasures, database: str
) -> None:
    """A batch that was under way when the records were named."""
    await plant(road)
    manifest = road.land([contact(30, 0), contact(31, 2)])
    items = await road.stage(manifest)
    await erasures.erase(GONE)
    for item in items.values():
        road.applier(road.warehouse).apply([item])
    assert places(everything(road, database), 0) == []
    assert current(database, GONE) == (None, None, True, 5)


def current(database: str, record_id: str) -> tuple[Any, ...]:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT last_name, title, has_opted_out_of_email, version FROM curated.contact_current WHERE record_id = %s",
            [record_id],
        ).fetchone()
    assert row is not None
    return row


async def test_what_was_landed_behind_the_first_pass_goes_with_the_next(
    road: Road, erasures: Erasures, database: str
) -> None:
    await plant(road)
    await erasures.scope(GONE)
    await erasures.once()
    await road.send([contact(30, 0)])
    assert any(each.startswith("raw/") for each in places(everything(road, database), 0))
    found = await erasures.once()
    assert found["raw files"].rewritten == 1
    assert places(everything(road, database), 0) == []


async def test_a_batch_whose_raw_file_was_replaced_meanwhile_is_staged(
    road: Road, erasures: Erasures
) -> None:
    """A batch's workflow holds the manifest of before."""
    await plant(road)
    manifest = road.land([contact(30, 0), contact(31, 2)])
    await erasures.erase(GONE)
    assert road.store.find(manifest.raw_key) is None
    items = await road.stage(manifest)
    assert items["Contact"].staged.staged == 2


async def test_a_page_of_a_backfill_is_erased_too(road: Road, erasures: Erasures, database: str) -> None:
    await plant(road)
    manifest = land_page(road, 0, 1)
    await erasures.erase(GONE)
    items = await road.stage(present(road, manifest))
    for item in items.values():
        road.applier(road.warehouse).apply([item])
    found = everything(road, database)
    assert places(found, 0) == []
    assert [each for each in places(found, 1) if each.startswith("raw/road/page")]


def land_page(road: Road, *people: int) -> Manifest:
    spec = road.catalogue.objects["Contact"]
    records = [
        {
            "Id": PEOPLE[person],
            "IsDeleted": False,
            "SystemModstamp": "2026-10-01T00:00:00.000Z",
            "LastName": f"{mark(person)} page",
            "Title": f"{mark(person)} title",
            **stamps(),
        }
        for person in people
    ]
    page = protect_page(page_of_records(records, spec), spec, protector(road.catalogue))
    now = datetime.now(UTC)
    facts = RowFacts("Contact", now, now, 0)
    manifest, _ = Chain(road.store, org="road", lane="page").land_rows(
        page, start="origin", end="1", facts=facts
    )
    return manifest


def present(road: Road, manifest: Manifest) -> Manifest:
    found = Chain(road.store, org="road", lane=manifest.lane).find(manifest.start)
    assert found is not None
    return found


async def test_a_raw_file_of_no_batch_goes_when_its_place_is_taken(road: Road, erasures: Erasures) -> None:
    await plant(road)
    first = next(iter(Chain(road.store, org="road", lane=road.lane).walk()))
    left = "-0".join(first.raw_key.rsplit("-", 1))
    road.store.put(left, road.store.get(first.raw_key))
    counts = await erasures.erase(GONE)
    assert counts["raw files of no batch"].rewritten == 1
    assert road.store.find(left) is None


async def test_a_killed_step_is_done_again(road: Road, erasures: Erasures, database: str) -> None:
    """The manifest names the new file, and the former one was not deleted yet."""
    await plant(road)
    first = next(iter(Chain(road.store, org="road", lane=road.lane).walk()))
    body = road.store.get(first.raw_key)
    await erasures.scope(GONE)
    await erasures.once()
    road.store.put(first.raw_key, body)
    found = await erasures.once()
    assert found["raw files of no batch"].rewritten == 1
    assert places(everything(road, database), 0) == []


async def test_related_records_are_shown_and_erased_when_asked(road: Road, erasures: Erasures) -> None:
    await plant(road)
    scope = await erasures.scope(GONE, with_related=False)
    assert (scope.records, scope.related) == (1, {"Case": 1})
    erasures.key = "ids-2"
    scope = await erasures.scope(GONE, with_related=True)
    assert scope.records == 2


async def test_a_record_of_no_object_is_refused(erasures: Erasures) -> None:
    with pytest.raises(ActRefusedError, match="is a record of no object"):
        await erasures.scope("zzz000000000001AAA")


async def test_a_dry_pass_changes_nothing_and_counts_the_same(
    road: Road, erasures: Erasures, database: str
) -> None:
    await plant(road)
    await erasures.scope(GONE)
    before = everything(road, database)
    dry = await erasures.once(is_dry=True)
    assert everything(road, database) == before
    assert await erasures.once() == dry


FILES = {
    "a.csv": "key,external_id,Title\nk0,{gone}-ext,{gone} by file\nk1,{stays}-ext,{stays} by file\n",
    "b.ndjson": '{{"external_id": "{gone}-ext", "key": "k0", "fields": {{"Title": "{gone}"}}}}\n'
    '{{"external_id": "{stays}-ext", "key": "k1", "fields": {{"Title": "{stays}"}}}}\n',
}


@pytest.mark.parametrize("name", FILES)
async def test_a_handed_in_file_keeps_its_rows(road: Road, erasures: Erasures, name: str) -> None:
    await plant(road)
    key = f"intake/road/{name}"
    text = FILES[name].format(gone=mark(0), stays=mark(1))
    road.store.put(key, text.encode())
    counts = await erasures.erase(GONE)
    after = road.store.get(key).decode()
    assert mark(0) not in after
    assert (mark(1) in after, "k0" in after, after.count("\n")) == (True, True, text.count("\n"))
    assert counts["handed-in files"].rewritten == 1
