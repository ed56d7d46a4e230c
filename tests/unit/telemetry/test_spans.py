"""Spans of one process, as a receiver gets them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from activities.apply.group_commit import GroupCommit
from clients.telemetry import spans
from clients.telemetry.otel import OtelSpans
from clients.telemetry.spans import (
    MOST_LINKS,
    Sampling,
    SpanRef,
    SpanSpec,
    current_span,
    first_span_of,
    link_span,
    parse_traceparent,
    span,
)
from schemas.errors import StaleCatalogueError, StatementError
from schemas.ids import root_span_id_of, trace_id_of
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.settings.telemetry import TelemetrySettings
from tests.support.processes.otlp_receiver import Received, Receiver, otlp_receiver
from tests.unit.apply.test_group_commit import batch

WORKFLOW = "batch/00D000000000001EAA/changes/17"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as received:
        yield received


@contextmanager
def making(receiver: Receiver, **settings: Any) -> Iterator[None]:
    """Make spans, which have all arrived when this is left."""
    maker = OtelSpans(TelemetrySettings(endpoint=receiver.url, **settings), org="o", process="tests")
    spans.install(maker)
    try:
        yield
    finally:
        spans.install(None)
        maker.close()


def only(receiver: Receiver, name: str) -> Received:
    (found,) = receiver.named(name)
    return found


def test_a_first_span_has_the_derived_ids_and_a_second_one_joins_its_trace(receiver: Receiver) -> None:
    with making(receiver):
        with span(SpanSpec("land", workflow_id=WORKFLOW, is_first=True)):
            pass
        with span(SpanSpec("adopt", workflow_id=WORKFLOW)):
            pass
    land, adopt = only(receiver, "land"), only(receiver, "adopt")
    assert (land.trace_id, land.span_id) == (trace_id_of(WORKFLOW), root_span_id_of(WORKFLOW))
    assert (adopt.trace_id, adopt.parent_id) == (land.trace_id, "")
    assert adopt.span_id != land.span_id


def test_a_span_of_another_trace_links_to_the_span_at_hand(receiver: Receiver) -> None:
    with making(receiver), span(SpanSpec("request", is_root=True)) as request:
        with span(SpanSpec("step", workflow_id=WORKFLOW)), span(SpanSpec("call")):
            pass
        theirs = request.ref
    assert theirs is not None
    assert only(receiver, "step").links == ((theirs.trace_id, theirs.span_id),)
    assert only(receiver, "call").parent_id == only(receiver, "step").span_id


def test_a_child_without_a_parent_is_not_made(receiver: Receiver) -> None:
    with making(receiver), span(SpanSpec("call")) as call:
        assert call.ref is None
    assert receiver.spans == []


def test_every_process_samples_a_trace_alike(receiver: Receiver) -> None:
    workflows = [f"batch/o/backfill-case-all-0001.1/{number}" for number in range(400)]
    taken = []
    for name in ("one", "two"):
        with making(receiver, sample_pages=0.1):
            for workflow_id in workflows:
                with span(SpanSpec(name, workflow_id=workflow_id, sampling=Sampling.PAGES)):
                    pass
        taken.append({each.trace_id for each in receiver.named(name)})
    assert taken[0] == taken[1]
    assert 15 <= len(taken[0]) <= 70


def test_a_failed_span_has_the_errors_code_and_an_expected_one_has_not_failed(receiver: Receiver) -> None:
    errors = {
        "bad": StatementError(statement="s", detail="Key (email)=(jane@example.org)"),
        "stale": StaleCatalogueError(object_name="Case"),
        "other": ValueError("jane@example.org"),
    }
    with making(receiver):
        for name, error in errors.items():
            with pytest.raises(type(error)), span(SpanSpec(name, is_root=True)):
                raise error
    assert only(receiver, "bad").attributes["error.type"] == "StatementError"
    assert only(receiver, "other").attributes["error.type"] == "ValueError"
    assert [only(receiver, name).is_error for name in errors] == [True, False, True]
    assert b"jane" not in b"".join(receiver.bodies)


def test_a_librarys_span_is_dropped(receiver: Receiver) -> None:
    with making(receiver), span(SpanSpec("ours", is_root=True)):
        maker = spans._Process.maker
        assert isinstance(maker, OtelSpans)
        with maker._provider.get_tracer("library").start_as_current_span("GET /?q=jane"):
            pass
    assert [each.name for each in receiver.spans] == ["ours"]


async def test_a_group_commit_is_in_the_first_batchs_trace_and_links_to_the_others(
    receiver: Receiver,
) -> None:
    def apply(items: Sequence[ApplyInput]) -> list[ApplyResult]:
        return [
            ApplyResult(
                object="Case",
                landed=1,
                applied=1,
                duplicate=0,
                quarantined=0,
                rebuilt=0,
                last_changed_at=None,
            )
            for _ in items
        ]

    async def step(commit: GroupCommit, item: ApplyInput) -> None:
        with span(SpanSpec(f"step {item.manifest.start}", workflow_id=item.manifest.workflow_id)):
            await commit.submit(item)

    with making(receiver):
        commit = GroupCommit(apply)
        await asyncio.gather(*(step(commit, batch(start)) for start in (1, 2, 3)))
    made = only(receiver, "warehouse.commit")
    steps = [only(receiver, f"step {start}") for start in (1, 2, 3)]
    assert (made.trace_id, made.parent_id) == (steps[0].trace_id, steps[0].span_id)
    assert set(made.links) == {(each.trace_id, each.span_id) for each in steps[1:]}
    assert made.attributes["tidegate.batches"] == 3


def test_links_are_made_once_each_and_no_more_than_fit(receiver: Receiver) -> None:
    refs = [first_span_of(f"writeback/o/Case/{number}.0") for number in range(200)]
    with making(receiver), span(SpanSpec("step", is_root=True)):
        link_span([*refs, *refs])
    assert len(only(receiver, "step").links) == MOST_LINKS


@pytest.mark.parametrize("text", [None, "", "00-x-y-01", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'a' * 32}"])
def test_a_malformed_traceparent_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_traceparent_is_read_as_it_is_written() -> None:
    ref = SpanRef("a" * 32, "b" * 16, is_sampled=False)
    assert parse_traceparent(ref.traceparent) == ref
    assert len(ref.traceparent) == 55


def test_without_an_endpoint_nothing_of_opentelemetrys_sdk_is_imported() -> None:
    assert current_span() is None
    code = "import sys, cli.worker, api.app; print([n for n in sys.modules if n.startswith('opentelemetry.sdk')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
