"""Law 12: kept as long as promised, gone when it must be; executed and proved.

Our clock is turned by months and years. S3's own goes on: a lock that began eight years ago is over
by it, one that began now is not.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import duckdb
import psycopg
import pytest
import time_machine
from botocore.exceptions import ClientError

from activities.retention.due import plan_retention
from activities.retention.tasks import do_task
from activities.retention.verify import verify_retention
from clients.retention.archive_store import ArchiveStore
from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.retention.removal import Removal
from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.objectstore import ARCHIVE_BUCKET
from schemas.errors import SettingsError, TerminalError
from schemas.security.ids import archive_prefix
from schemas.security.retention import PREFIX_RULES, MonthState, PrefixRule, Work
from tests.support.builders.batches import Road
from tests.support.builders.bus import event
from tests.support.builders.retention import run_at, within
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
    two_months,
)
from transforms.retention.periods import Month
from transforms.retention.seal import is_sealed
from workers.record_trace import trace_record
from workers.settings import Settings

pytestmark = pytest.mark.service


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    return new_road(store, warehouse)


@pytest.fixture
def kept(road: Road, s3_address: S3Address, database: str) -> Iterator[RetentionParts]:
    with thirteen_months(road, s3_address, database) as made:
        yield made


def held(road: Road, *prefixes: str) -> set[str]:
    return {key for prefix in prefixes for key in road.store.keys(f"{prefix}/{road.org}/{road.lane}")}


async def test_after_14_months_raw_is_gone_and_everything_else_is_readable(
    road: Road, kept: RetentionParts, database: str
) -> None:
    kept = replace(kept, policy=kept.policy.model_copy(update={"warehouse_months": 24}))
    await two_months(road)
    before, chain = curated(database), held(road, "chain")
    run_at(kept, within(START.plus(13), 9))
    assert len(held(road, "raw")) == 2
    run_at(kept, within(START.plus(13), 12))
    assert len(held(road, "raw")) == 1
    run_at(kept, within(START.plus(14), 12))
    assert held(road, "raw") == set()
    assert held(road, "chain") == chain
    assert curated(database) == before
    assert len(rows(database, f"SELECT 1 FROM {LOG}")) == 5
    assert set(states(kept).values()) == {MonthState.VERIFIED}
    assert verify_retention(kept, within(START.plus(14), 12)).findings == ()


async def test_what_is_not_applied_or_waits_in_quarantine_keeps_its_raw_file(
    road: Road, kept: RetentionParts, database: str
) -> None:
    applied = await send(road, START, [contact(START, 1, CONTACTS[0], kind="CREATE", LastName="A")])
    refused = await send(
        road,
        START,
        [
            committed(event(2, {"A__c": 1}, object_name="Stranger__c"), START, 2),
            contact(START, 3, CONTACTS[1], LastName="B"),
        ],
    )
    with time_machine.travel(within(START), tick=False):
        landed = road.land([contact(START, 4, CONTACTS[2], LastName="C")])
        await road.stage(landed)
    late = within(LATER)
    done = {task.task.target: task for task in run_at(kept, late, Work.REMOVE)}
    assert held(road, "raw") == {refused.raw_key, landed.raw_key}
    assert done["raw"].kept == 2
    assert "quarantine" in done["raw"].note
    assert "not applied" in done["raw"].note
    assert applied.raw_key not in held(road, "raw")

    for item in (await road.stage(landed)).values():
        road.applier(road.warehouse).apply([item])
    with psycopg.connect(database) as connection:
        connection.execute(b"UPDATE ops.quarantine SET acknowledged_at = now()")
    run_at(kept, late, Work.REMOVE)
    assert held(road, "raw") == set()


def test_no_rule_can_reach_a_key_a_manifest_or_the_archive(kept: RetentionParts, store: ObjectStore) -> None:
    for prefix in ("keys/", "keys/{org}/", "chain/{org}/", "archive/", "", "{other}/"):
        rule = PrefixRule(name="wrong", prefix=prefix, keep_days=1, why="a slip")
        with pytest.raises((TerminalError, KeyError)):
            Removal(store, kept.removal("raw")._needed, rule, kept.org)
    assert {rule.prefix.split("/")[0] for rule in PREFIX_RULES}.isdisjoint({"keys", "chain", "archive"})
    removal = kept.removal("previews")
    with pytest.raises(TerminalError, match="is not below"):
        removal._delete([f"keys/{kept.org}/1.json"])


async def test_a_month_that_left_changes_no_curated_row_and_is_traced_in_the_archive(
    road: Road, kept: RetentionParts, database: str
) -> None:
    await two_months(road)
    before = curated(database)
    run_at(kept, within(LATER))
    assert rows(database, f"SELECT 1 FROM {LOG}") == []
    assert len(rows(database, "SELECT 1 FROM audit.contact_base")) == 3
    assert curated(database) == before
    assert {states(kept)[str(START.plus(n))] for n in (0, 1)} == {MonthState.DROPPED}

    # The same changes once more are duplicates, a new one goes on from the base.
    again = Road(road.store, road.warehouse, road.catalogue, org=road.org)
    (result,) = (
        await again.send([contact(START, 1, CONTACTS[0], kind="CREATE", LastName="Person 1")])
    ).values()
    assert (result.applied, result.duplicate) == (0, 1)
    assert curated(database) == before
    await again.send([contact(LATER, 20, CONTACTS[0], Title="Admiral")])
    versions = rows(
        database,
        f"SELECT version, title FROM curated.contact_history WHERE record_id = '{CONTACTS[0]}' ORDER BY 1",
    )
    assert [row[0] for row in versions] == [1, 2, 3]
    assert versions[-1][1] is not None


async def test_a_trace_goes_on_into_the_archive(
    road: Road, kept: RetentionParts, database: str, s3_address: S3Address
) -> None:
    await two_months(road)
    run_at(kept, within(LATER))
    engine = Settings(
        salesforce={
            "login_url": "https://login.example",
            "client_id": "id",
            "client_secret": "s",
            "org_id": road.org,
        },
        s3={
            "bucket": s3_address.bucket,
            "kms_key_id": s3_address.kms_key_id,
            "endpoint_url": s3_address.endpoint_url,
            "access_key": s3_address.access_key,
            "secret_key": s3_address.secret_key,
        },
        warehouse={"dsn": database},
        operational={"dsn": database},
    )
    found = trace_record(engine, CONTACTS[0])
    assert found is not None
    assert found["archive"] == ""
    assert [(step["change_type"], step["archived_in"].split("/")[3]) for step in found["steps"]] == [
        ("create", f"month={START}"),
        ("update", f"month={START.plus(1)}"),
    ]
    assert all(step["raw_file"].startswith(f"raw/{road.org}/") for step in found["steps"])


async def test_duckdb_reads_the_archive_and_personal_values_stay_sealed(
    road: Road, kept: RetentionParts, tmp_path, s3_address: S3Address
) -> None:
    await two_months(road)
    run_at(kept, within(LATER))
    prefix = archive_prefix(kept.org, LOG, "x").partition("month=")[0]
    for key in kept.archive.store.objects.keys(prefix):
        where = tmp_path / key
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(kept.archive.store.get(key))
    found = duckdb.execute(
        "SELECT record_id, change_type, last_name, month FROM "
        f"read_parquet('{tmp_path}/{prefix}*/*.parquet', hive_partitioning = true) ORDER BY month, record_id, change_order"
    ).fetchall()
    assert [(row[0], row[1], str(row[3])) for row in found] == [
        *((each, "create", str(START)) for each in CONTACTS),
        (CONTACTS[0], "update", str(START.plus(1))),
        (CONTACTS[1], "update", str(START.plus(1))),
    ]
    names = [row[2] for row in found if row[2] is not None]
    assert all(map(is_sealed, names))
    assert len(names) == 4


async def test_a_person_whose_key_was_destroyed_is_unreadable_in_the_archive_and_the_others_are_not(
    road: Road, kept: RetentionParts
) -> None:
    await two_months(road)
    run_at(kept, within(LATER))
    assert kept.archive.keys.destroy([CONTACTS[0]]) == 1
    seen: dict[str, list[str | None]] = {}
    for row in archived_months(kept.warehouse):
        if row.source == LOG:
            manifest, _ = row.read_files(kept.archive)
            for opened in kept.archive.find(manifest, CONTACTS) if manifest else ():
                for each in opened.rows.to_pylist():
                    seen.setdefault(each["record_id"], []).append(each["last_name"])
    assert set(seen[CONTACTS[0]]) == {None}
    assert str(seen[CONTACTS[2]][0]).startswith("tg1.")
    assert verify_retention(kept, within(LATER)).findings == ()


async def test_nothing_under_lock_can_be_deleted_shortened_or_expired_early(
    road: Road, kept: RetentionParts, s3_address: S3Address
) -> None:
    month = Month.of(datetime.now().astimezone()).plus(-2)
    await send(road, month, [contact(month, 1, CONTACTS[0], kind="CREATE", LastName="A")])
    run_at(kept, within(month.plus(1)), Work.ARCHIVE, Work.VERIFY)
    (row,) = [row for row in archived_months(kept.warehouse) if row.source == LOG and row.rows]
    _, (file,) = row.read_files(kept.archive)
    store = kept.archive.store
    lock = store.lock_of(file.key, file.version_id)
    assert lock is not None
    assert lock.until == month.plus(84).end
    for version in store.versions(archive_prefix(kept.org, LOG, row.month)):
        with pytest.raises(TerminalError, match="is locked until"):
            store.delete_version(version)
    s3 = aws_client("s3", replace(s3_address, bucket=ARCHIVE_BUCKET))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(
            Bucket=ARCHIVE_BUCKET,
            Key=file.key,
            VersionId=file.version_id,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now().astimezone()},
        )
    assert store.get_checked(file.key, file.version_id, file.sha256)
    assert not [task for task in plan_retention(kept, month.plus(83).end).tasks if task.work is Work.EXPIRE]


async def test_after_8_years_the_archive_is_gone_and_the_records_are_not(
    road: Road, kept: RetentionParts, database: str
) -> None:
    await two_months(road)
    current = curated(database)[0]
    run_at(kept, within(LATER))
    run_at(kept, within(START.plus(96)))
    assert {states(kept)[str(START.plus(n))] for n in (0, 1)} == {MonthState.EXPIRED}
    for month in (START, START.plus(1)):
        assert list(kept.archive.store.versions(archive_prefix(kept.org, LOG, str(month)))) == []
    assert rows(database, f"SELECT 1 FROM {LOG}") == []
    assert curated(database)[0] == current
    # Open versions stay, those that ended more than seven years ago do not.
    assert rows(database, "SELECT COUNT(*) FROM curated.contact_history WHERE NOT is_current") == [(0,)]
    assert len(rows(database, "SELECT 1 FROM curated.contact_history")) == 3
    # The ledger went with its archive.
    assert rows(database, "SELECT 1 FROM ops.ledger") == []


async def test_a_month_that_somebody_altered_is_not_dropped(
    road: Road, kept: RetentionParts, database: str
) -> None:
    await two_months(road)
    run_at(kept, within(START.plus(2)), Work.ARCHIVE, Work.VERIFY)
    with psycopg.connect(database) as connection:
        connection.execute(
            f"UPDATE {LOG} SET commit_user = 'somebody' WHERE record_id = '{CONTACTS[2]}'".encode()
        )
    with pytest.raises(TerminalError, match="Nothing was dropped"):
        run_at(kept, within(LATER), Work.DROP)
    assert len(rows(database, f"SELECT 1 FROM {LOG}")) == 5


async def test_a_file_that_somebody_replaced_is_named(
    warehouse: PostgresWarehouse, s3_with_overlays: S3Address, database: str
) -> None:
    road = new_road(ObjectStore(s3_with_overlays), warehouse)
    with thirteen_months(road, s3_with_overlays, database) as kept:
        await two_months(road)
        run_at(kept, within(START.plus(2)), Work.LIFECYCLE, Work.ARCHIVE, Work.VERIFY)
        row = next(row for row in archived_months(kept.warehouse) if row.source == LOG and row.rows)
        kept.archive.store.objects.put(row.manifest_key, b"{}")
        (found,) = verify_retention(kept, within(START.plus(2))).findings
    assert "is not the file that was archived" in found.what


async def test_an_archive_without_object_lock_is_refused(
    road: Road, kept: RetentionParts, s3_address: S3Address
) -> None:
    await two_months(road)
    open_bucket = replace(kept, archive=replace(kept.archive, store=ArchiveStore(s3_address)))
    with pytest.raises(SettingsError, match="no Object Lock"):
        run_at(open_bucket, within(START.plus(2)), Work.ARCHIVE)
    assert states(kept) == {}


async def test_a_run_that_was_killed_goes_on_where_it_was(
    road: Road, kept: RetentionParts, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_months(road)
    before = curated(database)
    monkeypatch.setattr("activities.retention.drop_changes.RECORDS_AT_ONCE", 1)
    run_at(kept, within(START.plus(2)), Work.ARCHIVE, Work.VERIFY)
    plan = plan_retention(kept, within(LATER))
    task = next(each for each in plan.tasks if each.work is Work.DROP and each.month == str(START))
    told = []

    def die(key: str) -> None:
        told.append(key)
        if len(told) == 3:
            raise KilledError

    with pytest.raises(KilledError):
        do_task(kept, task, plan.now, die)
    assert 2 < len(rows(database, f"SELECT 1 FROM {LOG}")) < 5
    assert curated(database) == before
    run_at(kept, within(LATER))
    assert rows(database, f"SELECT 1 FROM {LOG}") == []
    assert curated(database) == before
