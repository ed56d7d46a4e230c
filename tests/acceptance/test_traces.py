"""A batch's spans are one trace, whichever processes make them, and a writeback's traces are linked
from the caller to the echo: as real processes send them, over OTLP.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from cli.state import settings_file
from schemas.ids import batch_workflow_id, root_span_id_of, trace_id_of
from tests.support.builders.waiting import wait_for
from tests.support.engines.real_engine import RealEngine, real_engine
from tests.support.processes.otlp_receiver import Received, Receiver

pytestmark = [pytest.mark.service, pytest.mark.slow]

CALLER_TRACE, CALLER_SPAN = "ab" * 16, "cd" * 8
CALLER = f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"
TRACE_URL = "http://traces.test/{trace_id}/show"
ITEM = {
    "object": "Case",
    "external_id": "T-1",
    "key": "traced",
    "fields": {"Subject": "traced", "Status": "New"},
}


@pytest.fixture(scope="module")
def engine() -> Iterator[RealEngine]:
    with real_engine() as running:
        # For the command; the processes have theirs by the file as it was.
        file = settings_file(running.folder)
        given = json.loads(file.read_text())
        given["telemetry"]["trace_url"] = TRACE_URL
        file.write_text(json.dumps(given))
        yield running


@pytest.fixture(scope="module")
def written(engine: RealEngine) -> str:
    """The trace of a batch of writebacks that came back."""
    engine.submit([ITEM], traceparent=CALLER)
    engine.settle_writebacks()
    engine.received.wait_for(lambda it: bool(it.named("writeback.echo")), seconds=60)
    return engine.received.named("writeback.echo")[0].trace_id


def one(receiver: Receiver, name: str, trace_id: str) -> Received:
    found = [each for each in receiver.of_trace(trace_id) if each.name == name]
    assert len(found) >= 1, (name, [each.name for each in receiver.of_trace(trace_id)])
    return found[0]


def batch_of(engine: RealEngine, record_id: str) -> tuple[str, str]:
    """Batch and workflow of a record's first change, once it is in the warehouse."""
    query = (
        "SELECT l.batch, l.lane, l.start_position FROM audit.case_change c JOIN ops.ledger l "
        f"ON l.batch = c.batch AND l.object = 'Case' WHERE c.record_id = '{record_id}' ORDER BY c.change_order"
    )
    wait_for(lambda: bool(engine.warehouse(query)), seconds=60, every=0.5)
    batch, lane, start = engine.warehouse(query)[0]
    return batch, batch_workflow_id(engine.org, lane, start)


def test_the_steps_of_a_batch_are_one_tree_below_its_landing(engine: RealEngine) -> None:
    record_id = engine.create("Case", {"Subject": "a tree", "Status": "New"})
    batch, workflow_id = batch_of(engine, record_id)
    trace_id, received = trace_id_of(workflow_id), engine.received
    received.wait_for(lambda it: {"lane.land", "warehouse.commit"} <= {s.name for s in it.of_trace(trace_id)})
    land = one(received, "lane.land", trace_id)
    assert (land.parent_id, land.span_id) == ("", root_span_id_of(workflow_id))
    assert land.attributes["tidegate.batch"] == batch
    assert land.attributes["tidegate.objects"] == ["Case"]
    start = one(received, "start workflow", trace_id)
    assert one(received, "s3.put", trace_id).parent_id == start.parent_id == land.span_id
    stage, apply = (one(received, f"activity {name}_batch", trace_id) for name in ("stage", "apply"))
    assert stage.parent_id == apply.parent_id == start.span_id
    assert apply.attributes["tidegate.object"] == "Case"
    assert apply.attributes["tidegate.queue_wait_ms"] >= 0
    assert one(received, "warehouse.commit", trace_id).parent_id == apply.span_id
    assert {each.process.partition(":")[0] for each in (land, apply)} == {"worker-lanes", "worker-batches"}


def test_a_killed_workers_batch_goes_on_in_the_same_trace(engine: RealEngine) -> None:
    with psycopg.connect(engine.endpoints.warehouse.dsn) as connection:
        connection.execute("LOCK TABLE audit.case_change IN ACCESS EXCLUSIVE MODE")
        before = {each.trace_id for each in engine.received.named("activity stage_batch")}
        record_id = engine.create("Case", {"Subject": "survives", "Status": "New"})
        engine.received.wait_for(
            lambda it: any(each.trace_id not in before for each in it.named("activity stage_batch"))
        )
        engine.kill("worker-batches")
        connection.rollback()
    _, workflow_id = batch_of(engine, record_id)
    trace_id = trace_id_of(workflow_id)
    engine.received.wait_for(
        lambda it: any(
            each.name == "activity apply_batch" and each.attributes["tidegate.attempt"] > 1
            for each in it.of_trace(trace_id)
        )
    )
    assert len({each.process for each in engine.received.of_trace(trace_id)}) == 3


def test_a_redrive_joins_the_batchs_trace_and_links_to_its_replay(engine: RealEngine) -> None:
    record_id = engine.create("Case", {"Subject": "once more", "Status": "New"})
    batch, workflow_id = batch_of(engine, record_id)
    engine.ask("POST", "/v1/replays", json={"object": "Case", "reason": "a test"}).raise_for_status()
    trace_id, received = trace_id_of(workflow_id), engine.received
    received.wait_for(lambda it: any(s.name == "batch.redrive" for s in it.of_trace(trace_id)), seconds=60)
    redrive = one(received, "batch.redrive", trace_id)
    assert redrive.attributes["tidegate.batch"] == batch
    received.wait_for(lambda it: bool(it.named("activity redrive_batches")))
    steps = {(each.trace_id, each.span_id) for each in received.named("activity redrive_batches")}
    assert set(redrive.links) <= steps
    assert len(redrive.links) == 1


def test_a_writeback_is_linked_from_its_caller_to_its_call(engine: RealEngine, written: str) -> None:
    received = engine.received
    # One that found the store away was asked again.
    accept = [each for each in received.named("writeback.accept") if not each.is_error][-1]
    request = next(each for each in received.spans if each.span_id == accept.parent_id)
    assert (request.name, request.parent_id) == ("POST /v1/writebacks", CALLER_SPAN)
    assert request.trace_id == accept.trace_id == CALLER_TRACE
    assert request.attributes["http.response.status_code"] == 202
    said = [each for each in engine.lines() if each.get("span_id") == request.span_id]
    assert [each["facts"]["route"] for each in said] == ["/v1/writebacks"]
    send = one(received, "activity send_writebacks", written)
    assert send.links == ((accept.trace_id, accept.span_id),)
    calls = [each for each in received.of_trace(written) if each.name == "salesforce.call"]
    assert send.span_id in {each.parent_id for each in calls}
    assert any(each.attributes["http.request.method"] == "PATCH" for each in calls)


def test_an_echo_is_in_the_writebacks_trace_and_its_batch_links_there(
    engine: RealEngine, written: str
) -> None:
    send = one(engine.received, "activity send_writebacks", written)
    echo = one(engine.received, "writeback.echo", written)
    assert echo.parent_id == send.span_id
    linked = [each for each in engine.received.named("activity stage_batch") if each.links]
    assert (written, send.span_id) in {link for each in linked for link in each.links}


def test_a_trace_is_joined_with_a_token_only(engine: RealEngine) -> None:
    other = "12" * 16
    headers = {"traceparent": f"00-{other}-{CALLER_SPAN}-01"}
    assert engine.ask("GET", "/v1/lanes", "", headers=headers).status_code == 401
    assert engine.ask("GET", "/healthz", "", headers=headers).status_code == 200
    theirs = {"traceparent": f"00-{'34' * 16}-{CALLER_SPAN}-01"}
    assert engine.ask("GET", "/v1/lanes", "reader", headers=theirs).status_code == 200
    engine.received.wait_for(lambda it: bool(it.of_trace("34" * 16)))
    assert engine.received.of_trace(other) == []


def test_api_and_command_name_the_trace(engine: RealEngine) -> None:
    record_id = engine.create("Case", {"Subject": "named", "Status": "New"})
    batch, workflow_id = batch_of(engine, record_id)
    rows = engine.ask("GET", "/v1/ledger?limit=1000", "reader").json()["rows"]
    assert {row["trace_id"] for row in rows if row["batch"] == batch} == {trace_id_of(workflow_id)}
    settings = str(settings_file(engine.folder))
    command = [sys.executable, "-m", "cli.main", "trace", record_id, "--json", "--settings", settings]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    step = shown["steps"][0]
    assert step["trace_id"] == trace_id_of(workflow_id)
    assert step["trace_url"] == TRACE_URL.replace("{trace_id}", step["trace_id"])


def test_steps_that_follow_or_watch_have_no_span(engine: RealEngine, written: str) -> None:
    assert written
    names = {each.name for each in engine.received.spans}
    assert not any(
        word in name for name in names for word in ("follow_lane", "read_limits", "find_echoes", "form_")
    )
    assert not any("query" in key for each in engine.received.spans for key in each.attributes)
