"""Law 7: no personal value at rest outside the org, and none in Temporal histories, logs or error
messages.

One road for all of it, with workflows and workers as in production: marked values go in at the
stream, and then every place where anything is kept is searched for the marks.
"""

import asyncio
import base64
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.ingest.follow_lane import FollowLane
from activities.ingest.landing_buffer import BatchLimits
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from clients.metrics.registry import REGISTRY
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.ingest.messages import LaneInput
from tests.support.builders.bus import Bus, event, protector, stamps, whole_case
from tests.support.builders.laid_open import laid_open
from tests.support.builders.waiting import until
from tests.support.engines.following import groups_settle_at_once  # noqa: F401
from transforms.ingest.decode_events import BROKEN
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS, LaneWorkflow

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

MARK = "Zq7Personal"
"""In every value that must not be seen."""
CLEAR = "Zq7Harmless"
"""In a value that may be: when this is not found, the search does not work."""


def marked(name: str) -> str:
    return f"{MARK}-{name}"


def whole_contact() -> dict[str, Any]:
    return {
        "Name": {"FirstName": marked("first"), "LastName": marked("last"), "Nick": marked("unknown part")},
        "Email": f"{MARK}@example.org",
        "Phone": marked("phone"),
        "MobilePhone": marked("mobile"),
        "Birthdate": marked("1970-01-01"),
        "NationalId__c": marked("id"),
        "MailingAddress": {"Street": marked("street"), "PostalCode": marked("code"), "City": CLEAR},
        "Title": CLEAR,
        **stamps(),
    }


def contact(replay_id: int, change_type: str = "CREATE", **changes: Any) -> dict[str, Any]:
    body = {**whole_contact(), **changes} if change_type == "CREATE" else changes
    body = {name: value for name, value in body.items() if value is not None}
    return event(
        replay_id, body, object_name="Contact", change_type=change_type, record_ids=[f"003{replay_id:015d}"]
    )


def without_nick() -> dict[str, Any]:
    name = whole_contact()["Name"]
    del name["Nick"]
    return name


def bad_header(replay_id: int) -> dict[str, Any]:
    data = contact(replay_id)
    data["payload"]["ChangeEventHeader"]["commitNumber"] = "no number"
    return data


def every_kind() -> list[dict[str, Any]]:
    """Good, refused for each kind of reason, unknown and unreadable: with a mark in each."""
    supplied = {
        "SuppliedName": marked("name"),
        "SuppliedEmail": marked("email"),
        "SuppliedPhone": marked("phone"),
    }
    return [
        contact(1, Name=without_nick()),
        contact(2),  # a part of the name that the catalogue lacks
        contact(3, "UPDATE", Email=marked("new"), Phone=None),
        contact(4, Name=without_nick(), Email={"an": [marked("object")]}),
        contact(5, Name=without_nick(), NationalId__c=[marked("list")]),
        contact(6, Name=without_nick(), Secret__c=marked("unknown field")),
        contact(7, Name=marked("compound that is no object")),
        bad_header(8),
        event(9, {**whole_case(9), **supplied, "Subject": CLEAR}),
        event(10, {**whole_case(10), **supplied, "Nested__c": {"deep": marked("unknown nested")}}),
        event(11, {"Name__c": marked("unknown object")}, object_name="Stranger__c"),
        {"event": {"replayId": 12}, "payload": {"Name": marked("no header")}},
        {"event": {"replayId": 13}, "payload": marked("no payload")},
        {BROKEN: f'{{"data": {{"payload": {{"Name": "{marked("broken")}', "event": {"replayId": 14}},
        event(15, {"Name": {"Nick": marked("an object in a clear text")}}, object_name="Account"),
        event(16, {"Name": CLEAR, "Website": [marked("a list in a clear text")]}, object_name="Account"),
        contact(17, Name=without_nick(), Title=None, OutreachNotes__c=CLEAR),
    ]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


class Travelled:
    """The engine's workers over a scripted stream, until every batch of it is applied or refused
    for good.
    """

    def __init__(self, client: Client, store: ObjectStore, warehouse: PostgresWarehouse) -> None:
        self.client, self.store, self.warehouse = client, store, warehouse
        self.org = f"law7{uuid.uuid4().hex[:8]}"
        self.lane_id = f"lane/{self.org}/changes"

    async def travel(self, events: list[dict[str, Any]]) -> None:
        catalogue = default_catalogue()
        applier = Applier(self.warehouse, self.store, catalogue)
        batches = BatchActivities(self.store, catalogue, GroupCommit(applier.apply))
        follow = FollowLane(
            client=self.client,
            store=self.store,
            protector=protector(),
            open_stream=Bus(events, most_at_once=4).open,
            rule=BatchLimits(max_changes=6),
        )
        lane = LaneInput(org=self.org, lane="changes", channel="/data/ChangeEvents")
        steps: list[Callable[..., Any]] = [batches.stage_batch, batches.apply_objects, batches.apply_batch]
        boundary = [ErrorTranslationInterceptor()]
        async with (
            Worker(
                self.client,
                task_queue=names.WORKFLOW_QUEUE,
                workflows=WORKFLOWS,
                workflow_runner=sandboxed_runner(),
            ),
            Worker(self.client, task_queue=names.BATCH_QUEUE, activities=steps, interceptors=boundary),
            Worker(
                self.client,
                task_queue=names.LANE_QUEUE,
                activities=[follow.follow_lane],
                interceptors=boundary,
            ),
        ):
            await self.client.start_workflow(
                LaneWorkflow.run, lane, id=self.lane_id, task_queue=names.WORKFLOW_QUEUE
            )
            await until(lambda: self._has_ended(str(events[-1]["event"]["replayId"])), seconds=30)
            await self.client.get_workflow_handle(self.lane_id).terminate()

    async def _has_ended(self, last: str) -> bool:
        ended = [each async for each in self._executions() if each.id != self.lane_id and each.close_time]
        positions = [str(each.search_attributes.get("Position", [""])[0]) for each in ended]
        return last in positions and len(ended) == len([each async for each in self._executions()]) - 1

    def _executions(self) -> Any:
        return self.client.list_workflows(f'SfOrg = "{self.org}" OR WorkflowId = "{self.lane_id}"')

    async def histories(self) -> list[bytes]:
        """Every history, as the server keeps it: payloads are plain bytes in it."""
        handles: list[WorkflowHandle[Any, Any]] = [
            self.client.get_workflow_handle(each.id, run_id=each.run_id) async for each in self._executions()
        ]
        return [
            b"".join(item.SerializeToString() for item in (await handle.fetch_history()).events)
            for handle in handles
        ]

    def objects(self) -> dict[str, bytes]:
        """Every object of this lane, Parquet files with their texts laid open."""
        return {
            key: laid_open(self.store.get(key))
            for prefix in ("raw", "chain", "staged")
            for key in self.store.keys(f"{prefix}/{self.org}/")
        }

    def tables(self) -> dict[str, bytes]:
        """Every row of every table of the database as text."""
        query = (
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        with self.warehouse.transaction() as transaction:
            tables = [row[0] for row in transaction.fetch(query)]
            return {
                table: repr(transaction.fetch(f"SELECT t::text FROM {table} AS t")).encode()
                for table in tables
            }


def holds(kept: bytes, mark: str) -> bool:
    """The mark as it is or in Base64, at any of the three places where Base64 may cut it."""
    forms = [mark.encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + mark.encode())
        forms.append(coded[4 if shift else 0 : len(coded) // 4 * 4 - 4])
    return any(form in kept for form in forms)


@pytest.fixture
async def travelled(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, records: pytest.LogCaptureFixture
) -> Travelled:
    warehouse.ensure_tables(default_catalogue())
    road = Travelled(client, store, warehouse)
    await road.travel(every_kind())
    return road


async def test_marks_are_nowhere_and_the_harmless_value_is_where_it_belongs(
    travelled: Travelled, records: pytest.LogCaptureFixture
):
    objects, tables = travelled.objects(), travelled.tables()
    assert {key.partition("/")[0] for key in objects} == {"raw", "chain", "staged"}
    assert [key for key, kept in objects.items() if holds(kept, MARK)] == []
    assert [table for table, kept in tables.items() if holds(kept, MARK)] == []
    histories = await travelled.histories()
    assert len(histories) > 3
    assert [kept for kept in histories if holds(kept, MARK)] == []
    assert [record.getMessage() for record in records.records if MARK in logged(record)] == []
    assert [line for line in generate_latest(REGISTRY).decode().splitlines() if MARK in line] == []

    found = {key.partition("/")[0] for key, kept in objects.items() if holds(kept, CLEAR)}
    assert found == {"raw", "staged"}
    found = {table for table, kept in tables.items() if holds(kept, CLEAR)}
    assert found >= {
        "curated.contact_current",
        "curated.case_current",
        "audit.contact_change",
        "ops.quarantine",
    }
    assert len(tables["ops.quarantine"]) > 1_000


def logged(record: logging.LogRecord) -> str:
    shown = logging.Formatter("%(message)s").format(record)  # with the trace of its error
    return shown + repr(record.__dict__)


async def test_a_statement_that_the_warehouse_refuses_shows_no_mark(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, records: pytest.LogCaptureFixture
):
    """PostgreSQL quotes the row that it refuses, and an error travels with all its causes."""
    warehouse.ensure_tables(default_catalogue())
    with warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE curated.contact_current ADD CHECK (title = 'never')")
    road = Travelled(client, store, warehouse)
    await road.travel([contact(1, Name=without_nick()), event(2)])
    histories = await road.histories()
    assert any(b"StatementError" in kept for kept in histories)
    assert [kept for kept in histories if holds(kept, CLEAR)] == [], "a record is in a history"
    assert [kept for kept in histories if holds(kept, MARK)] == []
    assert [record.getMessage() for record in records.records if MARK in logged(record)] == []


async def has_failed(records: pytest.LogCaptureFixture, activity: str) -> bool:
    return any(
        "as failed" in record.getMessage() and activity in record.getMessage() for record in records.records
    )


async def test_an_event_that_fails_the_follower_shows_no_mark(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, records: pytest.LogCaptureFixture
):
    """Whatever a broken event does to the code, its values are not part of what is said about
    it.
    """
    strange = contact(1, Name=without_nick(), Email={1: marked("a key that is no text")})
    road = Travelled(client, store, warehouse)
    warehouse.ensure_tables(default_catalogue())
    journey = asyncio.ensure_future(road.travel([strange, event(2)]))
    await until(lambda: has_failed(records, names.FOLLOW_LANE))
    journey.cancel()
    await asyncio.gather(journey, return_exceptions=True)
    assert [kept for kept in await road.histories() if holds(kept, MARK)] == []
    assert [record.getMessage() for record in records.records if MARK in logged(record)] == []
