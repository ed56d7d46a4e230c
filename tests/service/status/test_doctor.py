"""tidegate doctor over real parts: each misconfiguration, planted as an administrator would, is
found by its name, and nothing else is.
"""

import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from temporalio.client import Client
from temporalio.worker import Worker

from clients.database.engine import open_engine
from clients.storage.objects import S3Address
from clients.temporal.governor import TemporalGovernor, read_books
from sandbox.ports import free_port
from schemas import names
from schemas.doctor import TOTAL_SECONDS, Remote, State
from schemas.security.ids import data_key_key
from tests.databases import new_database
from tests.support.engines.estate import ATTRIBUTES, Estate, problems, running_estate
from tests.support.faults.s3_proxy import s3_proxy
from workers.doctor import examine
from workers.roles import sandboxed_runner
from workers.settings import Settings
from workflows import GovernorWorkflow

pytestmark = pytest.mark.service

Plant = Callable[[Estate], Awaitable[None]]
PLANTS: list[Any] = []


def plants(only: Remote, *codes: str | tuple[str, str]) -> Callable[[Plant], Plant]:
    """A fault, the remote that is asked, and exactly what it says: codes, with the place where that
    matters.
    """
    wanted = {code if isinstance(code, tuple) else (code, "") for code in codes}

    def kept(plant: Plant) -> Plant:
        PLANTS.append(pytest.param(plant, only, wanted, id=plant.__name__.replace("_", " ")))
        return plant

    return kept


@pytest.fixture
async def estate(
    tmp_path: Path,
    s3_address: S3Address,
    temporal_server: str,
    database_with_tables: str,
    template: str,
    postgres_port: int,
) -> AsyncIterator[Estate]:
    with new_database(postgres_port, f"TEMPLATE {template}") as operational:
        async with running_estate(
            tmp_path,
            s3=s3_address,
            temporal=temporal_server,
            warehouse=database_with_tables,
            operational=operational,
        ) as made:
            yield made


# --- Salesforce


@plants(
    Remote.SALESFORCE,
    "salesforce.credentials",
    *(f"?salesforce.{each}" for each in ("org", "pubsub", "permissions", "object", "cdc", "allocations")),
)
async def a_wrong_client_secret(estate: Estate) -> None:
    estate.values["salesforce"]["client_secret"] = "of-yesterday"


@plants(
    Remote.SALESFORCE,
    "salesforce.credentials",
    *(f"?salesforce.{each}" for each in ("org", "pubsub", "permissions", "object", "cdc", "allocations")),
)
async def a_key_that_the_org_does_not_know(estate: Estate) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = Path(estate.served.org.store.folder) / "another.pem"
    file.write_bytes(pem)
    more = {"grant": "jwt_bearer", "username": "integration@tidegate.example", "private_key_file": str(file)}
    estate.values["salesforce"] |= more


@plants(Remote.SALESFORCE, ("salesforce.other_org", "TIDEGATE_SALESFORCE__ORG_ID"), "?salesforce.pubsub")
async def settings_of_another_org(estate: Estate) -> None:
    estate.values["salesforce"]["org_id"] = "00DTg0000000002MAA"


@plants(
    Remote.SALESFORCE,
    ("salesforce.api_version_unsupported", "TIDEGATE_SALESFORCE__API_VERSION"),
    *(f"?salesforce.{each}" for each in ("pubsub", "permissions", "object", "cdc", "allocations")),
)
async def a_version_of_tomorrow(estate: Estate) -> None:
    estate.values["salesforce"]["api_version"] = "99.0"


@plants(Remote.SALESFORCE, "salesforce.clock_skew")
async def an_org_whose_clock_is_five_minutes_ahead(estate: Estate) -> None:
    await estate.control("clock", {"advance_seconds": 300})


@plants(
    Remote.SALESFORCE,
    *(
        ("salesforce.no_view_all", name)
        for name in ("Account", "Contact", "Opportunity", "ServiceRequest__c", "Payment__c")
    ),
    ("salesforce.pubsub_refused", "/data/ChangeEvents"),
)
async def no_view_all_data_but_view_all_cases(estate: Estate) -> None:
    await estate.take(view_all_data=False, objects={"Case": "view_all"})


@plants(
    Remote.SALESFORCE,
    ("salesforce.no_view_setup", "View Setup and Configuration"),
    "?salesforce.allocations",
    "?salesforce.cdc",
)
async def no_view_setup(estate: Estate) -> None:
    await estate.take(view_setup=False)


@plants(
    Remote.SALESFORCE,
    "salesforce.api_disabled",
    "?salesforce.allocations",
    "?salesforce.cdc",
    *(
        ("?salesforce.object", name)
        for name in ("Account", "Contact", "Case", "Opportunity", "ServiceRequest__c", "Payment__c")
    ),
)
async def no_api_enabled(estate: Estate) -> None:
    await estate.take(api_enabled=False)


@plants(Remote.SALESFORCE, ("salesforce.object_missing", "Payment__c"))
async def an_object_that_may_not_be_read(estate: Estate) -> None:
    await estate.take(objects={"Payment__c": "none"})


@plants(Remote.SALESFORCE, ("salesforce.field_hidden", "Case.Description"))
async def a_field_hidden_by_its_security(estate: Estate) -> None:
    await estate.take(hidden_fields=["Case.Description"])


@plants(Remote.SALESFORCE, ("salesforce.cdc_not_selected", "Case"))
async def an_object_not_selected_for_change_events(estate: Estate) -> None:
    await estate.deselect("Case")


@plants(
    Remote.SALESFORCE,
    ("salesforce.channel_missing", "/data/Intake__chn"),
    ("salesforce.pubsub_refused", "/data/Intake__chn"),
)
async def a_lane_of_a_channel_that_there_is_not(estate: Estate) -> None:
    estate.values["lanes"] = [{"name": "intake", "channel": "/data/Intake__chn"}]


@plants(
    Remote.SALESFORCE,
    ("salesforce.channel_filtered", "Contact"),
    *(
        ("salesforce.cdc_not_selected", name)
        for name in ("Account", "Case", "Opportunity", "ServiceRequest__c", "Payment__c")
    ),
)
async def a_channel_with_one_filtered_member(estate: Estate) -> None:
    await estate.make("PlatformEventChannel", "Intake__chn", channelType="data", label="Intake")
    await estate.make(
        "PlatformEventChannelMember",
        "Intake_ContactChangeEvent",
        eventChannel="Intake__chn",
        selectedEntity="ContactChangeEvent",
        filterExpression="LastName = 'A'",
    )
    estate.values["lanes"] = [{"name": "intake", "channel": "/data/Intake__chn"}]


@plants(Remote.SALESFORCE, ("salesforce.allocation_spent", "DailyDeliveredPlatformEvents"))
async def delivered_events_spent(estate: Estate) -> None:
    await estate.control("meters", {"delivered_events": {"used": 25_000, "maximum": 25_000}})


@plants(Remote.SALESFORCE, ("salesforce.allocation_low", "DailyBulkV2QueryJobs"))
async def few_query_jobs_left(estate: Estate) -> None:
    await estate.control("meters", {"bulk_query_jobs": {"used": 8_500, "maximum": 10_000}})


@plants(Remote.SALESFORCE, "salesforce.pubsub_unreachable")
async def a_firewall_before_the_pubsub_api(estate: Estate) -> None:
    estate.values["salesforce"]["pubsub_endpoint"] = f"localhost:{free_port()}"


# --- Temporal


@plants(Remote.TEMPORAL, ("temporal.search_attribute_missing", "SfLane"))
async def a_namespace_without_one_search_attribute(estate: Estate) -> None:
    await estate.namespace(**{name: kind for name, kind in ATTRIBUTES.items() if name != "SfLane"})


@plants(Remote.TEMPORAL, ("temporal.search_attribute_type", "Changes"), ("temporal.retention_short", "*"))
async def a_namespace_of_a_day_with_a_number_kept_as_a_text(estate: Estate) -> None:
    await estate.namespace(retention="24h", **{**ATTRIBUTES, "Changes": "Keyword"})


@plants(Remote.TEMPORAL, ("temporal.namespace_missing", "nowhere"), "?temporal.workers")
async def a_namespace_that_there_is_not(estate: Estate) -> None:
    estate.values["temporal"]["namespace"] = "nowhere"


# --- S3 and KMS


@plants(Remote.S3, ("s3.bucket_missing", "not-there"))
async def no_bucket(estate: Estate) -> None:
    estate.values["s3"]["bucket"] = "not-there"


@plants(Remote.KMS, ("kms.key_missing", "alias/of-another-account"))
async def a_wrong_key(estate: Estate) -> None:
    estate.values["s3"]["kms_key_id"] = "alias/of-another-account"


@plants(Remote.KMS, ("kms.data_key_lost", "*"))
async def a_data_key_that_opens_no_more(estate: Estate) -> None:
    estate.values["salesforce"]["org_id"] = "00DTg0000000003MAA"
    estate.store.put(
        data_key_key("00DTg0000000003MAA"), b'{"format": 1, "id": "1", "wrapped": "bm90aGluZw=="}'
    )


# --- Warehouse


@plants(
    Remote.WAREHOUSE,
    ("warehouse.no_create", "*"),
    ("warehouse.no_create", "schema curated"),
    ("warehouse.no_create", "schema audit"),
    ("warehouse.no_create", "schema ops"),
    ("warehouse.no_write", "*"),
)
async def a_user_of_the_warehouse_who_may_only_log_in(estate: Estate) -> None:
    estate.user_of_the_warehouse()


@plants(Remote.WAREHOUSE, ("warehouse.no_temp", "*"))
async def no_temporary_tables(estate: Estate) -> None:
    user = estate.user_of_the_warehouse(
        "GRANT CREATE ON DATABASE {database} TO {user}", "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"
    )
    for schema in ("curated", "audit", "ops"):
        estate.sql(f"DROP SCHEMA {schema} CASCADE", f"CREATE SCHEMA {schema} AUTHORIZATION {user}")


@plants(Remote.WAREHOUSE, ("warehouse.isolation", "*"), ("warehouse.timezone", "*"))
async def a_database_with_another_isolation_and_time_zone(estate: Estate) -> None:
    name = estate.warehouse.rpartition("/")[2]
    estate.sql(
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'",
        f"ALTER DATABASE {name} SET timezone = 'Europe/Paris'",
    )


@plants(Remote.WAREHOUSE, "warehouse.column_type")
async def a_column_of_another_type(estate: Estate) -> None:
    estate.sql("ALTER TABLE ops.ledger ALTER COLUMN landed TYPE TEXT")


@plants(Remote.WAREHOUSE, "warehouse.unreachable")
async def a_warehouse_that_is_not_there(estate: Estate) -> None:
    estate.values["warehouse"]["dsn"] = "postgresql://postgres@127.0.0.1:1/warehouse"


# --- Operational store


@plants(Remote.OPERATIONAL, "operational.not_migrated")
async def a_store_restored_from_an_old_backup(estate: Estate) -> None:
    estate.sql("UPDATE alembic_version SET version_num = '0001'", dsn=estate.operational)


@plants(Remote.OPERATIONAL, "operational.not_migrated")
async def a_store_of_a_newer_release(estate: Estate) -> None:
    estate.sql("UPDATE alembic_version SET version_num = '9999'", dsn=estate.operational)


@plants(Remote.OPERATIONAL, "operational.not_migrated")
async def an_empty_store(estate: Estate) -> None:
    estate.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", dsn=estate.operational)


# --- this machine


@plants(
    Remote.LOCAL,
    *(("local.no_lane", name) for name in ("Contact", "Opportunity", "ServiceRequest__c", "Payment__c")),
)
async def lanes_that_leave_objects_out(estate: Estate) -> None:
    estate.values["lanes"] = [
        {"name": "cases", "channel": "/data/CaseChangeEvent"},
        {"name": "poll-account", "way": "poll", "object": "Account"},
    ]


async def test_everything_is_well_where_nothing_is_planted(estate: Estate) -> None:
    found = await estate.look()
    assert problems(found) == set()
    assert found.is_well
    assert {each.remote for each in found.findings if each.state is State.OK} == set(Remote)


@pytest.mark.parametrize(("plant", "only", "wanted"), PLANTS)
async def test_a_planted_fault_is_found_by_its_name_and_nothing_else_is(
    estate: Estate, plant: Plant, only: Remote, wanted: set[tuple[str, str]]
) -> None:
    await plant(estate)
    found = problems(await estate.look(only))
    anywhere = {code for code, where in wanted if where == "*"}
    assert {
        (code, "*" if code in anywhere and (code, where) not in wanted else where) for code, where in found
    } == wanted


async def test_ten_misconfigurations_at_once_are_each_found(estate: Estate) -> None:
    await a_field_hidden_by_its_security(estate)
    await estate.take(view_all_data=False, objects={"Payment__c": "none"})
    await an_object_not_selected_for_change_events(estate)
    await delivered_events_spent(estate)
    await an_org_whose_clock_is_five_minutes_ahead(estate)
    await a_namespace_without_one_search_attribute(estate)
    await no_bucket(estate)
    await a_wrong_key(estate)
    await a_user_of_the_warehouse_who_may_only_log_in(estate)
    await a_store_restored_from_an_old_backup(estate)
    found = await estate.look()
    assert {code for code, _ in problems(found)} == {
        "salesforce.field_hidden",
        "salesforce.no_view_all",
        "salesforce.object_missing",
        "salesforce.cdc_not_selected",
        "salesforce.pubsub_refused",
        "salesforce.allocation_spent",
        "salesforce.clock_skew",
        "temporal.search_attribute_missing",
        "s3.bucket_missing",
        "kms.key_missing",
        "warehouse.no_create",
        "warehouse.no_write",
        "operational.not_migrated",
    }
    assert not found.is_well


async def test_a_store_that_ignores_if_none_match_is_found(estate: Estate, s3_port: int) -> None:
    with s3_proxy(s3_port) as proxy:
        proxy.drops.add("if-none-match")
        estate.values["s3"]["endpoint_url"] = proxy.url
        found = await estate.look(Remote.S3)
    assert {code for code, _ in problems(found)} == {"s3.no_conditional_put"}


async def test_a_database_in_another_encoding_is_found(estate: Estate, postgres_port: int) -> None:
    with new_database(postgres_port, "ENCODING 'SQL_ASCII' TEMPLATE template0") as dsn:
        estate.values["warehouse"]["dsn"] = dsn
        found = await estate.look(Remote.WAREHOUSE)
    assert {code for code, _ in problems(found)} == {"warehouse.encoding"}


async def test_a_look_leaves_nothing_behind(estate: Estate) -> None:
    def left() -> list[str]:
        with_tables = (
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname <> 'pg_catalog' ORDER BY 1"
        )
        found = []
        for dsn in (estate.warehouse, estate.operational):
            engine = open_engine(dsn)
            with engine.connect() as connection:
                found += [str(row[0]) for row in connection.exec_driver_sql(with_tables)]
            engine.dispose()
        return found + list(estate.store.keys("doctor/"))

    before = left()
    await estate.look()
    assert left() == before


async def test_one_remote_that_is_down_hides_nothing_of_the_others(estate: Estate) -> None:
    estate.values["temporal"]["address"] = "127.0.0.1:1"
    estate.values["warehouse"]["dsn"] = "postgresql://postgres@127.0.0.1:1/warehouse"
    await a_field_hidden_by_its_security(estate)
    found = {code for code, _ in problems(await estate.look())}
    assert {"temporal.unreachable", "warehouse.unreachable", "salesforce.field_hidden"} <= found


async def test_a_catalogue_with_mistakes_is_said_and_what_needs_it_is_unknown(
    estate: Estate, tmp_path: Path
) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text("objects: {Case: {label: Cases, key_prefix: '500', fields: {Status: {type: picklists}}}}")
    estate.values["catalogue"] = str(file)
    found = {code for code, _ in problems(await estate.look())}
    blind = {
        f"?{each}"
        for each in (
            "salesforce.permissions",
            "salesforce.object",
            "salesforce.cdc",
            "salesforce.pubsub",
            "warehouse.tables",
        )
    }
    assert found == {"local.catalogue_invalid", *blind}


async def test_an_org_with_no_calls_to_spare_is_asked_only_once_without_a_governor(estate: Estate) -> None:
    await estate.control("meters", {"api_calls": {"used": 139_000, "maximum": 140_000}})
    found = await estate.look(Remote.SALESFORCE)
    assert (found.calls, found.paid_by) == (1, "allowance")
    codes = {code for code, _ in problems(found)}
    assert codes == {
        "salesforce.allocation_spent",
        "?salesforce.permissions",
        "?salesforce.object",
        "?salesforce.cdc",
    }


async def test_a_look_starts_no_governor_and_uses_the_allowance_while_one_is_silent(
    estate: Estate, client: Client
) -> None:
    org = estate.served.org.identity.org_id
    assert (await estate.look(Remote.SALESFORCE)).paid_by == "allowance"
    assert await read_books(client, org) is None
    # No worker answers for it.
    await TemporalGovernor(client, org).start()
    found = await estate.look(Remote.SALESFORCE)
    assert (found.paid_by, found.is_well) == ("allowance", True)


async def test_a_lease_that_the_governor_does_not_grant_leaves_the_org_unknown(
    estate: Estate, client: Client
) -> None:
    org = estate.served.org.identity.org_id
    worker = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with worker:  # nobody reads the limits for it, so it grants nothing
        await TemporalGovernor(client, org).start()
        found = await estate.look(Remote.SALESFORCE)
    assert (found.paid_by, found.calls) == ("lease", 0)
    assert {code for code, _ in problems(found)} == {
        f"?salesforce.{each}" for each in ("permissions", "object", "cdc", "allocations")
    }


async def test_remotes_that_never_answer_are_unknown_in_time(estate: Estate) -> None:
    with silence() as port:
        estate.values["salesforce"]["login_url"] = f"http://127.0.0.1:{port}"
        estate.values["s3"]["endpoint_url"] = f"http://127.0.0.1:{port}"
        estate.values["temporal"]["address"] = f"127.0.0.1:{port}"
        for name in ("warehouse", "operational"):
            estate.values[name]["dsn"] = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        found = await examine(Settings.model_validate(estate.values))
    assert found.seconds < TOTAL_SECONDS + 1
    well = {each.remote for each in found.findings if each.state is State.OK}
    assert well == {Remote.LOCAL}
    assert not found.is_well


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()
