"""Law 9: an author is proven, or is shown as a claim: Temporal is a second door, and anybody may
say any name there.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import psycopg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from activities.audit import AuditActivities
from clients.acting import Actor, acting_as, caller, command, installed
from clients.audit.verify import verify_log
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from clients.storage.purpose_keys import PurposeKeys
from schemas import names
from schemas.ingest.messages import Act, LaneInput, LaneState, MovePositionInput, PauseInput
from schemas.security.acting import Door, author
from tests.support.builders.anchors import AT
from tests.support.builders.waiting import until
from transforms.proof import ActKeys
from workers.roles import sandboxed_runner
from workers.security.origins import OriginInterceptor, act_keys
from workflows import WORKFLOWS
from workflows.origins import install_keys

pytestmark = pytest.mark.service
AUDITOR_GENERAL = "the-auditor-general"


@pytest.fixture(scope="module")
def keys(s3_address: S3Address) -> ActKeys:
    return act_keys(PurposeKeys(s3_address, f"o{uuid.uuid4().hex}", "acts"))


@pytest.fixture
def engine_process(keys: ActKeys) -> Iterator[None]:
    """This process is one of the engine's."""
    with installed(Actor(Door.ENGINE), lambda: keys):
        install_keys(keys)
        yield
        install_keys(None)


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as opened:
        opened.ensure_tables()
        yield opened


@pytest.fixture
async def ours(temporal_address: str) -> Client:
    """A client as the engine's processes have it."""
    return await Client.connect(
        temporal_address,
        data_converter=pydantic_data_converter,
        identity="ours",
        interceptors=[OriginInterceptor()],
    )


@pytest.fixture
async def lane(
    ours: Client, log: AuditLog, engine_process: None
) -> AsyncIterator[WorkflowHandle[object, object]]:
    """A lane that is paused, and served."""
    start = LaneInput(org="law9", lane="changes", channel="/data/ChangeEvents", paused=True)
    async with (
        Worker(
            ours, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(ours, task_queue=names.BATCH_QUEUE, activities=[AuditActivities(log, ours).record_act]),
    ):
        yield await ours.start_workflow(
            names.LANE_WORKFLOW, start, id=f"lane/law9/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
        )


async def recorded(log: AuditLog, count: int) -> list[Act]:
    async def is_there() -> bool:
        return len(await asyncio.to_thread(log.rows)) >= count

    await until(is_there)
    return [act for _, act in log.rows()]


async def because(lane: WorkflowHandle[object, object]) -> str:
    state: LaneState = await lane.query(names.LANE_STATE, result_type=LaneState)
    return state.paused_because


async def test_a_bare_client_of_temporal_is_not_believed(
    lane: WorkflowHandle[object, object], client: Client, log: AuditLog
) -> None:
    bare = client.get_workflow_handle(lane.id)
    await bare.signal(names.PAUSE, PauseInput(by=AUDITOR_GENERAL, reason="because"))
    [act] = await recorded(log, 1)
    assert (act.by, act.origin is not None and act.origin.verified) == (AUDITOR_GENERAL, False)
    assert author(act.by, act.origin) == f"{AUDITOR_GENERAL} (unverified: client tests)"
    assert await because(lane) == f"paused by {AUDITOR_GENERAL} (unverified): because"


async def test_a_caller_whom_the_api_has_authenticated_is_proven(
    lane: WorkflowHandle[object, object], ours: Client, log: AuditLog, keys: ActKeys
) -> None:
    with acting_as(caller("ada")):
        await lane.signal(names.PAUSE, PauseInput(by="ada", reason="maintenance"))
        await lane.execute_update(
            names.MOVE_POSITION, MovePositionInput(position="70", by="ada", reason="after the backfill")
        )
    acts = await recorded(log, 2)
    assert [(each.by, each.origin and (each.origin.verified, each.origin.door)) for each in acts] == [
        ("ada", (True, Door.HTTP))
    ] * 2
    assert await because(lane) == "paused by ada: maintenance"
    assert verify_log(log, None, act_keys=keys).problems == ()


async def test_a_caller_who_gives_anothers_name_is_not_believed(
    lane: WorkflowHandle[object, object], log: AuditLog
) -> None:
    with acting_as(caller("eve")):
        await lane.signal(names.PAUSE, PauseInput(by="ada", reason="maintenance"))
    [act] = await recorded(log, 1)
    assert act.origin is not None
    assert not act.origin.verified


async def test_a_proof_that_is_sent_again_proves_nothing(
    lane: WorkflowHandle[object, object], client: Client, log: AuditLog
) -> None:
    """Anyone who reads a history has the header of a signal that was proven."""
    request = PauseInput(by="ada", reason="maintenance")
    with acting_as(caller("ada")):
        await lane.signal(names.PAUSE, request)
    await recorded(log, 1)
    signalled = [
        event.workflow_execution_signaled_event_attributes
        async for event in lane.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    stolen = signalled[0].header
    for reason in ("maintenance", "another reason"):
        await _signal_with(client, lane.id, stolen, request.model_copy(update={"reason": reason}))
    acts = await recorded(log, 3)
    assert [each.origin is not None and each.origin.verified for each in acts] == [True, False, False]
    assert [each.origin.doubt for each in acts if each.origin] == [
        "",
        "its proof was used by row 1",
        "its proof is not of this name and content",
    ]


async def _signal_with(client: Client, workflow_id: str, header: object, request: PauseInput) -> None:
    from temporalio.api.common.v1 import Header, Payloads, WorkflowExecution
    from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest

    assert isinstance(header, Header)
    payloads = await client.data_converter.encode([request])
    await client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=names.PAUSE,
            input=Payloads(payloads=payloads),
            header=header,
            identity="thief",
        )
    )


async def test_a_command_is_a_claim_with_what_the_machine_knows(
    lane: WorkflowHandle[object, object], log: AuditLog
) -> None:
    here = command()
    with acting_as(here):
        await lane.signal(names.PAUSE, PauseInput(by="the-ciso", reason="because"))
    [act] = await recorded(log, 1)
    assert act.origin is not None
    assert (act.origin.verified, act.origin.door) == (False, Door.COMMAND)
    assert (act.origin.user, act.origin.host) == (here.user, here.host)


def test_the_environment_is_not_asked_for_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "the-ciso")
    monkeypatch.setenv("USER", "the-ciso")
    assert command().user != "the-ciso"


async def test_an_act_that_a_client_has_recorded_by_itself_is_not_believed(
    lane: WorkflowHandle[object, object], client: Client, log: AuditLog
) -> None:
    """Temporal runs an activity for any client that asks, without a workflow."""
    forged = Act(act="keys.rotate", by="schedule", target="keys", detail="", at=AT)
    try:
        await client.execute_activity(
            names.RECORD_ACT, forged, id=uuid.uuid4().hex, task_queue=names.BATCH_QUEUE,
            start_to_close_timeout=__import__("datetime").timedelta(seconds=10),
        )  # fmt: skip
    except Exception as error:
        pytest.skip(f"this server runs no activity without a workflow: {error}")
    [act] = await recorded(log, 1)
    assert act.origin is not None
    assert not act.origin.verified


def test_an_act_in_the_api_process_is_proven(log: AuditLog, engine_process: None, keys: ActKeys) -> None:
    with acting_as(caller("ada")):
        log.append(Act(act="writeback.retry", by="ada", target="writebacks", detail="1 to 3", at=AT))
        log.append(Act(act="writeback.retry", by="ben", target="writebacks", detail="1 to 3", at=AT))
    log.append(Act(act="writeback.batch", by="tidegate", target="writebacks/Case/1", detail="", at=AT))
    assert [act.origin is not None and act.origin.verified for _, act in log.rows()] == [True, False, True]
    assert verify_log(log, None, act_keys=keys).problems == ()


def test_a_row_that_calls_its_author_proven_without_a_proof_is_named(
    log: AuditLog, engine_process: None, keys: ActKeys, database: str
) -> None:
    """The engine's role may insert; its own key is not in the database."""
    with acting_as(caller("ada")):
        log.append(Act(act="writeback.retry", by="ada", target="writebacks", detail="1 to 3", at=AT))
    from clients.database.audit_chain import ChainRow
    from tests.support.builders.anchors import stored_rows

    [row] = stored_rows(database)
    values = {name: getattr(row, name) for name in ChainRow.__slots__}
    forged = ChainRow(**{**values, "number": 2, "detail": "1 to 3000", "previous_hash": row.hash, "hash": ""})
    columns = ", ".join(ChainRow.__slots__)
    given = [*(getattr(forged, name) for name in ChainRow.__slots__[:-1]), forged.own_hash()]
    with psycopg.connect(database) as connection:
        connection.execute(
            f"INSERT INTO audit_log ({columns}) VALUES ({', '.join(['%s'] * 10)})".encode(), given
        )
    assert log.verify() == []
    found = verify_log(log, None, act_keys=keys).problems
    assert found == ("row 2 calls its author proven, and its proof is of another act",)


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\u202eb", "a\0b", "a\u2028b"])
def test_what_a_terminal_would_obey_is_spelled_out(log: AuditLog, text: str) -> None:
    log.append(Act(act="lane.pause", by=text, target=text, detail=text, at=AT))
    [(_, act)] = log.rows()
    assert act.by == act.target == act.detail
    assert act.by.isprintable()
    assert PauseInput(by=text, reason=text).by == act.by
    assert log.append(Act(act="lane.pause", by=text, target=text, detail=text, at=AT)) == 1


def test_a_name_longer_than_its_column_is_recorded_all_the_same(log: AuditLog) -> None:
    """It would be tried forever, and hold its workflow."""
    log.append(Act(act="a" * 100, by="b" * 1_000, target="t" * 2_000, detail="d" * 10_000, at=AT))
    [(_, act)] = log.rows()
    assert (len(act.act), len(act.by), len(act.target), len(act.detail)) == (64, 255, 1_000, 10_000)
