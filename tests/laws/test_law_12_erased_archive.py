"""Law 12, both halves at once: people are erased while their months are archived, dropped and
folded again. What is under lock cannot be read, months still leave, and every fold gives the
erased state.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import pytest

from activities.reconcile.verify_fold import _compare
from activities.retention.due import plan_retention
from activities.retention.tasks import do_task
from activities.retention.verify import verify_retention
from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.retention.sources import warehouse_sources
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.writeback.store import WritebackStore
from schemas.catalogue import Catalogue, default_catalogue
from schemas.errors import TerminalError
from schemas.security.retention import MonthState, Work
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, protector, stamps
from tests.support.builders.catalogues import with_fields
from tests.support.builders.laid_open import laid_open
from tests.support.builders.retention import run_at, within
from tests.support.builders.tokens import TOKEN
from tests.support.engines.erasing import Erasures
from tests.support.engines.keeping import (
    CONTACTS,
    LATER,
    LOG,
    START,
    committed,
    contact,
    curated,
    new_road,
    rows,
    send,
    states,
    thirteen_months,
)
from transforms.erasure.fields import erased_columns
from transforms.pii import is_any_token
from transforms.retention.seal import is_sealed

pytestmark = pytest.mark.service
GONE, STAYS, OTHER = CONTACTS
TABLES = (LOG, "audit.contact_base", "curated.contact_current", "curated.contact_history")
NUMBER = {"Number__c": {"type": "double", "length": 18, "scale": 0, "external_id": True}}


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    """Of a catalogue in which one external id is a number."""
    road = new_road(store, warehouse, with_fields({"Contact": NUMBER}))
    warehouse.ensure_tables(road.catalogue)
    return road


@pytest.fixture
def kept(road: Road, s3_address: S3Address, database: str) -> Iterator[RetentionParts]:
    with thirteen_months(road, s3_address, database) as made:
        yield made


@pytest.fixture
def erasures(road: Road, kept: RetentionParts, database: str) -> Iterator[Erasures]:
    with closing(WritebackStore(database)) as writebacks:
        yield Erasures(road, database, org=road.org, keys=kept.archive.keys, writebacks=writebacks)


def mark(record: str) -> str:
    return f"zq7p{int(record[3:15]):02d}x"


def number(record: str) -> int:
    return 7_700_000 + int(record[3:15])


def whole(record: str, place: int, **more: Any) -> dict[str, Any]:
    """A contact with a value in fields of every kind."""
    name = mark(record)
    return contact(
        START,
        place,
        record,
        kind="CREATE",
        Name={"FirstName": f"{name} first", "LastName": f"{name} last"},
        Email=f"{name}@example.org",
        ExternalId__c=f"{name}-ext",
        Number__c=number(record),
        Title=f"{name} title",
        OutreachNotes__c=f"{name} notes",
        LeadSource="Web",
        **stamps(),
        **more,
    )


async def three_months(road: Road) -> None:
    """Three people; in the second month a title, in the third only a picklist changes, which no
    erasure takes and no key seals.
    """
    await send(road, START, [whole(each, place) for place, each in enumerate(CONTACTS, 1)])
    title = [
        contact(START.plus(1), 11 + n, each, Title=f"{mark(each)} other") for n, each in enumerate(CONTACTS)
    ]
    source = [contact(START.plus(2), 21 + n, each, LeadSource="Phone") for n, each in enumerate(CONTACTS)]
    await send(road, START.plus(1), title)
    await send(road, START.plus(2), source)


LAST = LATER.plus(1)
"""All three months have left."""


def found_of(database: str, record: str) -> list[str]:
    """Tables with a value of a record, also behind a token."""
    return [table for table in TABLES if any(_has(row, record) for row in _rows_of(database, table, record))]


def _rows_of(database: str, table: str, record: str) -> list[tuple[Any, ...]]:
    return rows(database, f"SELECT * FROM {table} WHERE record_id = '{record}'")


def _has(row: tuple[Any, ...], record: str) -> bool:
    opened = [_opened(each) for each in row]
    return any(mark(record) in each or each == str(number(record)) for each in opened)


def _opened(value: Any) -> str:
    text = str(value)
    if not is_any_token(text):
        return text
    key = protector()
    fields = default_catalogue().objects["Contact"].fields
    for context in ("unknown", *(f"Contact.{name}" for name in fields)):
        try:
            return str(key.decrypt(context, text))
        except ValueError:
            continue
    raise AssertionError(text)


def altered(road: Road) -> list[Any]:
    """Records whose curated rows do not follow from their base and the log."""
    spec = road.catalogue.object("Contact")
    with road.warehouse.reading() as reading:
        return list(_compare(reading, spec, CONTACTS, protector(road.catalogue)).altered)


@pytest.mark.parametrize(
    "catalogue", [default_catalogue(), with_fields({"Contact": NUMBER})], ids=["shipped", "number"]
)
def test_the_archive_seals_exactly_the_columns_that_an_erasure_takes(
    warehouse: PostgresWarehouse, catalogue: Catalogue
) -> None:
    warehouse.ensure_tables(catalogue)
    logs = [each for each in warehouse_sources(warehouse, catalogue) if each.spec is not None]
    assert len(logs) == len(catalogue.objects)
    for source in logs:
        assert source.spec is not None
        assert source.protected == erased_columns(source.spec)
        assert {str(source.schema().field(name).type) for name in source.protected} == {"large_string"}


async def test_a_column_that_the_catalogue_lost_is_sealed_and_erased_too(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    with psycopg.connect(database) as connection:
        connection.execute(f"ALTER TABLE {LOG} ADD COLUMN lost__c text".encode())
        connection.execute(f"UPDATE {LOG} SET lost__c = 'zq7p lost ' || record_id".encode())
    run_at(kept, within(START.plus(3)), Work.ARCHIVE)
    sealed = [each["lost__c"] for each in archived(kept, sealed=True)]
    assert len(sealed) == 9
    assert all(map(is_sealed, sealed))
    await erasures.erase(GONE)
    assert {each["lost__c"] for each in archived(kept) if each["record_id"] == GONE} == {None}
    assert rows(database, f"SELECT DISTINCT lost__c FROM {LOG} WHERE record_id = '{GONE}'") == [(None,)]


def archived(kept: RetentionParts, *, sealed: bool = False) -> list[dict[str, Any]]:
    """Every archived row of the three; their values opened unless `sealed`."""
    found: list[dict[str, Any]] = []
    for row in archived_months(kept.warehouse):
        manifest, _ = row.read_files(kept.archive)
        if row.source != LOG or manifest is None:
            continue
        if sealed:
            for _, some in kept.archive.find_sealed(manifest, CONTACTS):
                found += some.to_pylist()
        else:
            for opened in kept.archive.find(manifest, CONTACTS):
                found += opened.rows.to_pylist()
    return found


async def test_no_value_of_an_erased_person_can_be_read_in_the_archive(
    road: Road, kept: RetentionParts, erasures: Erasures
) -> None:
    await three_months(road)
    run_at(kept, within(LAST))
    lying = archived(kept, sealed=True)
    for record in CONTACTS:
        assert not any(mark(record) in str(each) or str(number(record)) in str(each) for each in lying)
    assert any(_has(tuple(each.values()), GONE) for each in archived(kept))
    await erasures.erase(GONE)
    after = archived(kept)
    assert not any(_has(tuple(each.values()), GONE) for each in after)
    for record in (STAYS, OTHER):
        assert sum(_has(tuple(each.values()), record) for each in after) == 2
    column = road.catalogue.object("Contact").columns["Number__c"]
    assert {each[column] for each in after if each["record_id"] == STAYS} == {str(number(STAYS)), None}
    assert verify_retention(kept, within(LAST)).findings == ()


async def test_months_with_an_erased_person_leave_and_the_others_are_whole(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(START.plus(3)), Work.ARCHIVE, Work.VERIFY)
    await erasures.erase(GONE)
    before = curated(database)
    run_at(kept, within(LAST))
    assert rows(database, f"SELECT 1 FROM {LOG}") == []
    assert {states(kept)[str(START.plus(n))] for n in range(3)} == {MonthState.DROPPED}
    assert curated(database) == before
    assert found_of(database, GONE) == []
    assert found_of(database, STAYS) == list(TABLES[1:])
    assert altered(road) == []


@pytest.mark.parametrize("change", ["lead_source = 'Nobody'", "title = NULL", "change_origin = 'x'"])
async def test_a_month_whose_other_rows_differ_stays_whoever_was_erased(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str, change: str
) -> None:
    await three_months(road)
    run_at(kept, within(START.plus(3)), Work.ARCHIVE, Work.VERIFY)
    await erasures.erase(GONE)
    with psycopg.connect(database) as connection:
        connection.execute(f"UPDATE {LOG} SET {change} WHERE record_id = '{STAYS}'".encode())
    with pytest.raises(TerminalError, match="Nothing was dropped"):
        run_at(kept, within(LAST), Work.DROP)
    assert len(rows(database, f"SELECT 1 FROM {LOG}")) == 9


async def test_a_month_stays_when_an_erased_persons_kept_value_was_altered(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(START.plus(3)), Work.ARCHIVE, Work.VERIFY)
    await erasures.erase(GONE)
    with psycopg.connect(database) as connection:
        connection.execute(f"UPDATE {LOG} SET lead_source = 'Nobody' WHERE record_id = '{GONE}'".encode())
    with pytest.raises(TerminalError, match="Nothing was dropped"):
        run_at(kept, within(LAST), Work.DROP)


async def test_a_person_is_erased_whose_months_have_left(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(LAST))
    others = [row for table in curated(database) for row in table if row[0] != GONE]
    assert found_of(database, GONE) == list(TABLES[1:])
    counts = await erasures.erase(GONE)
    assert found_of(database, GONE) == []
    assert [row for table in curated(database) for row in table if row[0] != GONE] == others
    assert counts["audit.contact_base"].rewritten == 1
    assert counts["keys of archived records"].rewritten == 1
    assert altered(road) == []
    base = rows(
        database, f"SELECT unknown_fields, lead_source FROM audit.contact_base WHERE record_id = '{GONE}'"
    )
    erased = erased_columns(road.catalogue.object("Contact"))
    assert [(frozenset(row[0].split(",")), row[1]) for row in base] == [(erased, "Phone")]


async def test_a_person_is_erased_of_whom_some_months_have_left(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(START.plus(15)))
    assert states(kept)[str(START)] == MonthState.DROPPED
    assert states(kept)[str(START.plus(2))] == MonthState.VERIFIED
    await erasures.erase(GONE)
    assert found_of(database, GONE) == []
    assert altered(road) == []
    run_at(kept, within(LAST))
    assert states(kept)[str(START.plus(2))] == MonthState.DROPPED
    assert found_of(database, GONE) == []
    assert altered(road) == []


async def test_a_raw_file_that_was_kept_longer_than_the_log_is_erased_too(
    road: Road, kept: RetentionParts, erasures: Erasures
) -> None:
    """Of another record of its batch a change waits in quarantine."""
    stranger = committed(event(9, {"A__c": 1}, object_name="Stranger__c"), START, 9)
    batch = await send(road, START, [whole(GONE, 1), whole(STAYS, 2), stranger])
    run_at(kept, within(LAST))
    await send(road, LAST, [contact(LAST, 30, GONE, LeadSource="Phone")])
    assert mark(GONE).encode() in behind_tokens(road, batch.raw_key)
    counts = await erasures.erase(GONE)
    assert counts["raw files"].rewritten == 2
    [left] = [
        key for key in road.store.keys(f"raw/{road.org}/") if key.split("/")[3] == batch.raw_key.split("/")[3]
    ]
    assert mark(GONE).encode() not in behind_tokens(road, left)
    assert mark(STAYS).encode() in behind_tokens(road, left)


def behind_tokens(road: Road, key: str) -> bytes:
    """A raw file's texts, and what is behind their tokens."""
    body = laid_open(road.store.get(key))
    opened = [_opened(token.decode()) for token in TOKEN.findall(body)]
    return body + "\n".join(opened).encode()


async def test_a_late_change_of_an_erased_person_is_folded_in_without_values(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(LAST))
    await erasures.erase(GONE)
    await late_changes(road)
    (done,) = run_at(kept, within(LAST), Work.REFOLD)
    assert (done.rows, done.kept) == (2, 0)
    assert_folded(road, database)


async def late_changes(road: Road) -> None:
    """Changes of two people that are older than all that is in their base, but for the first."""
    late = [
        contact(START, 5 + place, each, Title=f"{mark(each)} late", LeadSource="Letter")
        for place, each in enumerate((GONE, STAYS))
    ]
    await send(road, LAST, late)


def assert_folded(road: Road, database: str) -> None:
    assert found_of(database, GONE) == []
    assert altered(road) == []
    query = "SELECT version, lead_source FROM curated.contact_history WHERE record_id = '{}' ORDER BY version"
    for record in (GONE, STAYS):
        sources = [row[1] for row in rows(database, query.format(record))]
        assert sources == ["Web", "Letter", "Letter", "Phone"]


async def test_a_person_who_is_erased_while_a_fold_reads_the_archive_does_not_come_back(
    road: Road, kept: RetentionParts, erasures: Erasures, database: str
) -> None:
    await three_months(road)
    run_at(kept, within(LAST))
    await late_changes(road)
    loop = asyncio.get_running_loop()
    told: list[str] = []

    def erase(month: str) -> None:
        told.append(month)
        if len(told) == 3:
            asyncio.run_coroutine_threadsafe(erasures.erase(GONE), loop).result()

    (task,) = [each for each in plan_retention(kept, within(LAST)).tasks if each.work is Work.REFOLD]
    await asyncio.to_thread(partial(do_task, kept, task, datetime.now(UTC), erase))
    assert len(told) >= 3
    assert_folded(road, database)


async def test_an_export_that_is_done_again_after_an_erasure_is_another_version(
    warehouse: PostgresWarehouse, s3_with_overlays: S3Address, database: str
) -> None:
    """The first one was killed before it was on record."""
    road = new_road(ObjectStore(s3_with_overlays), warehouse)
    with (
        thirteen_months(road, s3_with_overlays, database) as kept,
        closing(WritebackStore(database)) as store,
    ):
        erasures = Erasures(road, database, org=road.org, keys=kept.archive.keys, writebacks=store)
        await send(
            road,
            START,
            [
                contact(START, n, each, kind="CREATE", LastName=mark(each))
                for n, each in enumerate(CONTACTS, 1)
            ],
        )
        run_at(kept, within(START.plus(1)), Work.ARCHIVE)
        with kept.warehouse.transaction() as transaction:
            transaction.execute("DELETE FROM ops.archive")
        await erasures.erase(GONE)
        run_at(kept, within(START.plus(1)), Work.ARCHIVE, Work.VERIFY)
        assert states(kept)[str(START)] == MonthState.VERIFIED
        assert {each["record_id"] for each in archived(kept) if each["last_name"] is None} == {GONE}
