"""Any schema, any values, by every way in: every record arrives, and every field is the org's or is
named with a reason.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
import sqlglot
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from sqlglot import exp

from activities.replay.redrive import Redriver
from activities.replay.restage import Restager
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.describe import OrgSchema
from clients.salesforce.polling import PolledSource
from clients.salesforce.soql import keyset_query
from clients.storage.chain import Chain, RowFacts
from clients.storage.objects import ObjectStore
from clients.warehouse import redshift_sql
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import apply as sql, merge as merge_sql
from clients.warehouse.sql.apply import current_table, history_table, tables_of
from sandbox.org.errors import SalesforceError
from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.schema.exact import exact
from sandbox.org.server.tls import ensure_certificates
from sandbox.org.state.org import Org
from sandbox.ports import free_port
from schemas.catalogue import Catalogue, ObjectSpec, Pii, load_catalogue
from schemas.column_names import MOST_NAME_BYTES
from schemas.drift import DriftEffect, DriftPolicy, DriftRow
from schemas.governor import LeaseClass
from schemas.ingest.messages import FollowInput
from schemas.ingest.positions import PolledPosition
from schemas.replay import BatchRef
from schemas.settings.ingest import LaneSettings
from schemas.settings.salesforce import SalesforceSettings
from schemas.tables import net_columns
from tests.sandbox.pubsub_org import read_events
from tests.support.builders.any_schema import BAD, CATALOGUE, OBJECT, fields, values_of
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import protector
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.catalogue.warehouse_names import with_objects
from transforms.convert_values import converter
from transforms.drift.compare_schema import compare_schema, overlaid
from transforms.ingest.row_pages import page_of_csv, protect_page
from transforms.ingest.snapshots import row_events
from transforms.misfits import MISFIT, landed
from transforms.replay.reencrypt import Reprotector
from workers.salesforce import stream_opener
from workers.settings import Settings

pytestmark = pytest.mark.service

EXAMPLES = int(os.environ.get("TIDEGATE_EXAMPLES", "5"))
"""`make test-any-schema` asks for more, and for others each time."""
CHANNEL = "/data/ChangeEvents"
WAYS = ("cometd", "pubsub", "polled", "bulk")


@dataclass(repr=False)
class AnyOrg:
    """One org whose schema is thrown away after each example, and what the examples land in."""

    served: ServedOrg
    pubsub_port: int
    ca_file: Path
    store: ObjectStore
    database: str
    file: Catalogue
    number: int = 0

    @property
    def org(self) -> Org:
        return self.served.org

    def __repr__(self) -> str:
        return "any_org"


@pytest.fixture
async def any_org(store: ObjectStore, database: str, tmp_path: Path) -> AsyncIterator[AnyOrg]:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    certificates, port = ensure_certificates(tmp_path), free_port()
    pubsub = PubSubAddress("127.0.0.1", port, certificates.certificate, certificates.key)
    async with served_org(tmp_path / "org", path, pubsub=pubsub) as served:
        yield AnyOrg(served, port, certificates.ca_file, store, database, load_catalogue(path))


async def described(served: ServedOrg, file: Catalogue) -> Catalogue:
    """The catalogue after the engine's own check of the schema."""
    spec, policy = file.object(OBJECT), DriftPolicy(pii=Pii.NONE, add_calculated=True)
    found = compare_schema(spec, await OrgSchema(served.http).fields(OBJECT), policy, {})
    assert {each.effect for each in found} <= {DriftEffect.ADDED, DriftEffect.REPORTED}
    at = datetime.now(UTC)
    rows = [
        DriftRow(**dict(each), revision=number, at=at, found_by="t") for number, each in enumerate(found, 1)
    ]
    return with_objects(file, overlaid(file, rows))


def add_fields(any_org: AnyOrg, wanted: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add the fields as an administrator does; the writable fields as the org lists them."""
    url = f"{any_org.served.url}/sandbox/fields/{OBJECT}"
    answer = httpx.post(url, json=wanted, timeout=60 * SLOWNESS)
    assert answer.status_code == 200, answer.text
    own = any_org.file.object(OBJECT).fields
    return {name: field for name, field in answer.json()["fields"].items() if name not in own}


def write_records(org: Org, chosen: list[dict[str, Any]], bad: Mapping[str, Any]) -> list[str]:
    """Records with good values, changed once; the last one is stored unchecked with the bad ones,
    and told by an event.
    """
    ids = []
    for values in chosen:
        try:
            ids.append(org.create(OBJECT, {"Name": "made", **sent(values)}))
        except SalesforceError as error:
            raise AssertionError(f"the org refuses {error.message}") from error
    for record_id, values in zip(ids, reversed(chosen), strict=True):
        org.update(OBJECT, record_id, {"Name": "changed", **sent(values)})
    if bad:
        stored = {name: value for name, value in bad.items() if not isinstance(value, dict | list)}
        org.write_raw(OBJECT, ids[-1], sent(stored))
        org.publish_raw(OBJECT, odd_event(ids[-1], bad))
    return ids


def sent(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the org reads them from JSON: numbers with every digit."""
    return {name: exact(f"{value:f}") if needs_digits(value) else value for name, value in values.items()}


def needs_digits(value: Any) -> bool:
    """True of a number that the org's store cannot hold as Python has it."""
    is_large = isinstance(value, int) and abs(value) >= 2**63
    return isinstance(value, Decimal) or is_large


def odd_event(record_id: str, bad: Mapping[str, Any]) -> bytes:
    header = {
        "entityName": OBJECT,
        "recordIds": [record_id],
        "changeType": "UPDATE",
        "changeOrigin": "",
        "transactionKey": "odd",
        "sequenceNumber": 1,
        "commitTimestamp": round(datetime.now(UTC).timestamp() * 1_000) + 50,
        "commitNumber": 9_000_000_000_000,
        "commitUser": "005000000000001AAA",
    }
    body = {"schema": "x", "payload": {"ChangeEventHeader": header, **bad}, "event": {"replayId": 0}}
    text = orjson.dumps(body, default=lambda value: orjson.Fragment(f"{value:f}"))
    return text.replace(b'"replayId":0', b'"replayId":$REPLAY_ID')


def opener(any_org: AnyOrg, catalogue: Catalogue) -> Any:
    served = any_org.served
    who = served.org.identity
    asked = Settings(
        salesforce=SalesforceSettings(
            org_id=who.org_id,
            login_url=served.url,
            client_id=who.client_id,
            client_secret=who.client_secret,
            pubsub_endpoint=f"localhost:{any_org.pubsub_port}",
            ca_file=any_org.ca_file,
        ),
        s3={"bucket": "b", "kms_key_id": "alias/k"},
        warehouse={"dsn": "postgresql://w"},
        operational={"dsn": "postgresql://o"},
        lanes=(
            LaneSettings(name="cometd", channel=CHANNEL, transport="cometd"),
            LaneSettings(name="pubsub", channel=CHANNEL, transport="pubsub"),
        ),
    )
    return stream_opener(asked, served.sessions, catalogue, None)


async def events_of(any_org: AnyOrg, catalogue: Catalogue, lane: str, count: int) -> list[dict[str, Any]]:
    """The events on the bus, over a lane's transport."""
    request = FollowInput(org="o", lane=lane, channel=CHANNEL, position="origin", first_replay=-2)
    async with opener(any_org, catalogue)(request, -2) as stream:
        return [message.data for message in await read_events(stream, count)]


async def polled_events(served: ServedOrg, spec: ObjectSpec) -> list[dict[str, Any]]:
    """The rows of a poll by REST, as it lands them."""
    source = PolledSource(served.http, spec, visibility_delay=timedelta(0))
    found: list[dict[str, Any]] = []
    async for rows in source.unsettled(0):
        found += [data for row in rows for data in row_events(OBJECT, row)]
    for number, data in enumerate(found, 1):
        data["event"] = {"replayId": number}
    return found


async def by_bulk(road: Road, served: ServedOrg, spec: ObjectSpec) -> None:
    """The object as a backfill lands it."""
    bulk = BulkQuery(served.http, LeaseClass.BACKFILL, waits=(0.01, 0.05))
    job = await bulk.create(keyset_query(spec, PolledPosition(0), None))
    await bulk.wait(job)
    page = await bulk.page(job, None)
    table = protect_page(page_of_csv(page.csv, spec), spec, protector(road.catalogue))
    now = datetime.now(UTC)
    chain = Chain(road.store, org="road", lane=road.lane)
    manifest, _ = chain.land_rows(table, start=road.position, end="9", facts=RowFacts(OBJECT, now, None, 0))
    for item in (await road.stage(manifest)).values():
        road.applier(road.warehouse).apply([item])


@contextmanager
def way_of(any_org: AnyOrg, catalogue: Catalogue, way: str) -> Iterator[Road]:
    """A warehouse of its own for one way of one example."""
    prefix = f"shadow_{way}{any_org.number}_"
    warehouse = PostgresWarehouse(any_org.database, prefix=prefix)
    made = warehouse.ensure_tables(catalogue)
    assert made
    assert warehouse.ensure_tables(catalogue) == [], "a restart finds its tables"
    try:
        yield Road(any_org.store, warehouse, catalogue)
    finally:
        warehouse.close()
        with psycopg.connect(any_org.database, autocommit=True) as connection:
            for schema in ("curated", "audit", "ops"):
                connection.execute(f"DROP SCHEMA {prefix}{schema} CASCADE".encode())


async def org_values(served: ServedOrg, spec: ObjectSpec) -> dict[str, dict[str, Any]]:
    """Every record as a query of REST gives it, with every digit."""
    found: dict[str, dict[str, Any]] = {}
    async for rows in PolledSource(served.http, spec, visibility_delay=timedelta(0)).unsettled(0):
        found |= {row.record_id: {name: read(value) for name, value in row.fields.items()} for row in rows}
    return found


def read(value: Any) -> Any:
    """A number that the reader made a double of: its text had few digits, so it stands for itself.
    A double of an event may stand for more.
    """
    return Decimal(repr(value)) if isinstance(value, float) else value


def check(road: Road, spec: ObjectSpec, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Every record is there; every field is the org's value, or is unknown and named."""
    names = ", ".join(f'"{column}"' for column in spec.columns.values())
    with road.warehouse.transaction() as transaction:
        query = f"SELECT record_id, unknown_fields, {names} FROM {current_table(spec)}"
        rows = {row[0]: row[1:] for row in transaction.fetch(query)}
        open_rows = set(
            transaction.fetch("SELECT record_id, field FROM ops.quality WHERE resolved_at IS NULL")
        )
        unread = {
            row[0] for row in transaction.fetch("SELECT record_id FROM ops.reread WHERE closed_at IS NULL")
        }
        latest = {
            row[0]: row[1:]
            for row in transaction.fetch(
                f"SELECT record_id, unknown_fields, {names} FROM {history_table(spec)} WHERE is_current"
            )
        }
        balance = "SELECT batch FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
        assert transaction.fetch(balance) == []
    assert rows.keys() == wanted.keys()
    assert latest == rows, "history ends where current stands"
    for record_id, (unknown, *found) in rows.items():
        named = set((unknown or "").split(","))
        for (field, entry), column, value in zip(
            spec.fields.items(), spec.columns.values(), found, strict=True
        ):
            given = wanted[record_id].get(field)
            expected = None if given is None else landed(converter(entry), given)
            if column in named:
                assert value is None
                assert (record_id, field) in open_rows, f"{field} is unknown, and nobody says why"
            elif record_id not in unread:
                assert expected is not MISFIT, f"{field} holds {value!r}, which is not what the org has"
                assert value == expected, f"{field}: {value!r} for {expected!r}"


def replay(road: Road) -> None:
    """Every landed batch once more, as another process does it."""
    restager = Restager(road.store, road.catalogue, Reprotector(protector(road.catalogue), road.catalogue))
    redriver = Redriver(road.warehouse, road.catalogue)
    for manifest in Chain(road.store, org="road", lane=road.lane).walk():
        landed_ = restager.read("road", BatchRef(lane=road.lane, start=manifest.start), None)
        for share in restager.shares(landed_, only=None, without=set(), record=None).values():
            redriver.redrive([share])


def check_statements(spec: ObjectSpec) -> None:
    """Redshift's grammar takes what is sent for the object: DDL, the load and the fold."""
    for table, columns in tables_of(spec).items():
        made = [redshift_sql.create_statement(table, columns)]
        made += redshift_sql.missing_statements(table, columns, {"record_id"}).values()
        assert all(len(column.name) <= MOST_NAME_BYTES for column in columns)
        assert len({column.name for column in columns}) == len(columns)
        parsed(made)
    parsed([redshift_sql.stage_statement(merge_sql.net_stage(spec, "latest"), net_columns(spec))])
    parsed(
        [
            merge_sql.close_versions(spec),
            merge_sql.open_versions(spec),
            merge_sql.update_current(spec),
            sql.read_changes(spec),
        ]
    )


def parsed(statements: Iterable[str]) -> None:
    for statement in statements:
        tree = sqlglot.parse_one(statement.replace("%s", "'x'"), read="redshift")
        assert not isinstance(tree, exp.Command), statement


async def one_example(any_org: AnyOrg, data: st.DataObject, wanted: list[dict[str, Any]]) -> None:
    any_org.org.reset()
    any_org.number += 1
    listed = await asyncio.to_thread(add_fields, any_org, wanted)
    plain = {name: field for name, field in listed.items() if field["type"] != "base64"}
    chosen = [data.draw(values_of(plain)) for _ in range(3)]
    names = sorted(plain)
    odd = (
        data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(BAD), max_size=4)) if names else {}
    )
    ids = write_records(any_org.org, chosen, odd)
    catalogue = await described(any_org.served, any_org.file)
    spec = catalogue.object(OBJECT)
    assert spec.fields.keys() >= plain.keys(), "every field has a column"
    check_statements(spec)
    truth = await org_values(any_org.served, spec)
    assert truth.keys() == set(ids)
    count = 2 * len(ids) + bool(odd)
    for way in WAYS:
        with way_of(any_org, catalogue, way) as road:
            if way == "bulk":
                await by_bulk(road, any_org.served, spec)
            elif way == "polled":
                await road.send(await polled_events(any_org.served, spec))
            else:
                await road.send(await events_of(any_org, catalogue, way, count))
            told = truth if way != "cometd" or not odd else with_odd(truth, ids[-1], odd)
            check(road, spec, told)
            assert isinstance(road.warehouse, PostgresWarehouse)
            before = contents(road.warehouse, catalogue)
            replay(road)
            assert contents(road.warehouse, catalogue) == before, "a replay changes nothing"


def with_odd(
    truth: Mapping[str, dict[str, Any]], record_id: str, odd: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The record's last state on the stream."""
    return {**truth, record_id: {**truth[record_id], **odd}}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TIDEGATE_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), wanted=fields())
async def test_every_field_of_any_schema_is_the_orgs_or_is_named(
    any_org: AnyOrg, data: st.DataObject, wanted: list[dict[str, Any]]
) -> None:
    await one_example(any_org, data, wanted)


@pytest.mark.heavy
@settings(
    max_examples=1,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_an_object_of_eight_hundred_fields_is_the_orgs_or_is_named(
    any_org: AnyOrg, data: st.DataObject
) -> None:
    kinds = ("string", "double", "date", "time", "boolean", "textarea", "currency", "long")
    wanted = [
        {"name": f"{chr(65 + number % 26)}{'x' * 30}{number}__c", "type": kinds[number % len(kinds)]}
        for number in range(790)
    ]
    await one_example(any_org, data, wanted)
