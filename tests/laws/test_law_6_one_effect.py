"""Law 6: a writeback changes Salesforce once. When the outcome of a call is unknown it is looked
up, not repeated.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.faults.faults import FaultRule
from schemas.settings.writeback import WritebackSettings
from schemas.writeback.messages import PauseChange, SetPauseInput, WritebackControl
from tests.support.builders.examples import examples
from tests.support.builders.org_effects import compare
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.following_cases import another_writes, case_id, follow_cases, writing_and_following
from tests.support.engines.writing_back import WritingEngine
from tests.support.faults.killing import Kill, Watched
from tests.support.faults.troubled_writebacks import Mishap, Troubled, cut_connections

# Failing examples are long; a warning about that would hide the failure.
pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
]

CALL_SECONDS = 0.3
LATE = 0.5
"""A call that is answered so late is given up, and carried out all the same."""
SETTINGS = WritebackSettings(
    linger=timedelta(0),
    abandoned_call_timeout=timedelta(seconds=1.5),
    change_log_timeout=timedelta(seconds=6),
)
SEND_WITHIN = timedelta(seconds=0.4)
WRITE, READ = "PATCH /services/data/v67.0/composite/sobjects/Case", "/queryAll"
RECORDS = 5
_EXAMPLES = count(1)


@dataclass
class Story:
    """The request, and the event in between."""

    existing: set[int]
    asked: list[dict[str, Any]]
    """Of records by their places; `Subject` is made unique."""
    faults: list[FaultRule]
    mishaps: list[Mishap]
    death: Kill | None
    meanwhile: list[tuple[float, str, int]]
    """Seconds before it, what, and the place of the record."""
    number: int = field(default_factory=lambda: next(_EXAMPLES))


@st.composite
def writebacks(draw: st.DrawFn) -> dict[str, Any]:
    condition = draw(st.sampled_from([*[{}] * 6, {"only_if": {"Status": "New"}}]))
    fields = draw(
        st.sampled_from(
            [
                {},
                {},
                {"SuppliedName": "A Person"},
                {"Status": "Closed"},
                {"Account": True},
                {"Status": "Wrong"},
            ]
        )
    )
    return {
        "place": draw(st.integers(0, RECORDS - 1)),
        "fields": fields,
        "mode": draw(st.sampled_from(["ordered", "merged"])),
        "may_create": draw(st.sampled_from([True, True, True, False])),
        **condition,
    }


@st.composite
def faults(draw: st.DrawFn) -> FaultRule:
    after, times = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    if draw(st.integers(0, 3)) == 0:
        code = draw(
            st.sampled_from(["UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "UNKNOWN_EXCEPTION"])
        )
        return FaultRule(point="row", kind="error", match="Case", code=code, times=times, after=after)
    kind = draw(
        st.sampled_from(
            ["reset_before", "reset_after", "truncate", "status", "html", "latency", "expire_session"]
        )
    )
    match = draw(st.sampled_from([WRITE, WRITE, WRITE, READ]))
    # With 503 the governor has every call wait, which says nothing about one effect.
    return FaultRule(
        point="http",
        kind=kind,
        match=match,
        times=times,
        after=after,
        seconds=LATE,
        status=500,
        code="Timeout",
    )


moments = st.floats(0, 0.4)
mishaps = st.builds(Mishap, st.sampled_from(["none", "cancel", "abandon"]), moments)
deaths = st.builds(
    lambda word, when, nth: Kill((word,), when, nth),
    st.sampled_from(["begin_sending", "settle", "close", "load"]),
    st.sampled_from(["before", "after"]),
    st.integers(1, 3),
)
stories = st.builds(
    Story,
    st.sets(st.integers(0, RECORDS - 1)),
    st.lists(writebacks(), min_size=3, max_size=12),
    st.lists(faults(), max_size=3),
    st.lists(mishaps, max_size=5),
    st.none() | deaths,
    st.lists(
        st.tuples(
            moments,
            st.sampled_from(["another user", "another user", "connections", "pause"]),
            st.integers(0, RECORDS - 1),
        ),
        max_size=4,
    ),
)


@pytest.fixture
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.salesforce.http._SHORT_SECONDS", CALL_SECONDS)


@pytest.fixture
async def writer(
    _short_calls: None,
    client: Client,
    store: ObjectStore,
    warehouse: PostgresWarehouse,
    database: str,
    tmp_path: Path,
) -> AsyncIterator[WritingEngine]:
    """With a lane that fills the change log."""
    async with writing_and_following(
        client, store, warehouse, database, tmp_path, SETTINGS, org=f"l{uuid.uuid4().hex[:10]}"
    ) as found:
        found.steps.terms = replace(found.steps.terms, send_within=SEND_WITHIN)
        await follow_cases(found.engine)
        yield found


def external_id(story: Story, place: int) -> str:
    return f"L{story.number}-{place}"


def record_ids(writer: WritingEngine, story: Story) -> dict[str, str]:
    """External id -> record; a second record with one external id fails."""
    rows = writer.engine.served.org.store.connection.execute(
        'SELECT ExternalId__c, Id FROM "Case" WHERE IsDeleted = 0 AND ExternalId__c LIKE ?',
        (f"L{story.number}-%",),
    ).fetchall()
    assert len(dict(rows)) == len(rows), "a record was made twice"
    return dict(rows)


def items(story: Story) -> list[dict[str, Any]]:
    made = []
    for number, each in enumerate(story.asked):
        fields = {"Status": "New", **each["fields"], "Subject": f"{story.number}.{number}"}
        if "Account" in fields:
            fields["Account"] = {"ExternalId__c": f"A{story.number}"}
        others = {name: value for name, value in each.items() if name not in ("place", "fields")}
        key = f"{story.number}.{number}"
        made.append(
            {**others, "external_id": external_id(story, each["place"]), "fields": fields, "key": key}
        )
    return made


async def trouble(writer: WritingEngine, story: Story) -> None:
    for number, (seconds, what, place) in enumerate(story.meanwhile):
        await asyncio.sleep(seconds)
        record_id = case_id(writer, external_id(story, place))
        if what == "another user" and record_id is not None:
            another_writes(writer, "Case", {"Subject": f"theirs {story.number}.{number}"}, record_id)
        elif what == "connections":
            await asyncio.to_thread(cut_connections, writer.engine.database)
        elif what == "pause":
            await set_pause(writer, PauseChange.PAUSE)
            await asyncio.sleep(0.2)
            await set_pause(writer, PauseChange.RESUME)


async def set_pause(writer: WritingEngine, change: PauseChange) -> None:
    control = WritebackControl(by="an operator")
    request = SetPauseInput(object="Case", change=change, control=control, at=datetime.now(UTC))
    while True:
        with suppress(Exception):
            await asyncio.to_thread(writer.steps.pauses.set, request)
            return
        await asyncio.sleep(0.05)


async def live(writer: WritingEngine, story: Story) -> tuple[int, dict[str, float]]:
    """Let the story happen; returns the last number before it, and when each batch was opened."""
    org = writer.engine.served.org
    another_writes(writer, "Account", {"Name": "parent", "ExternalId__c": f"A{story.number}"})
    for place in sorted(story.existing):
        old = {"Subject": "old", "Status": "New", "ExternalId__c": external_id(story, place)}
        another_writes(writer, "Case", old)
    # what is made in the second of its acceptance counts as newer
    await asyncio.sleep(1 - time.time() % 1)
    before = max((row.number for row in writer.rows()), default=0)
    for rule in story.faults:
        org.faults.add(rule)
    told = writer.accepted(*items(story))
    assert len(told) == len(story.asked)
    steps, whole = writer.steps, writer.steps.batches
    if story.death is not None:
        steps.batches = Watched(whole, story.death)  # type: ignore[assignment]
    troubled = Troubled(writer, list(story.mishaps))
    try:
        # A change that the log never gets is waited for until 90 s before the deadline: 210 s.
        async with asyncio.timeout(60 * SLOWNESS):
            await asyncio.gather(troubled.settle(), trouble(writer, story))
            # What a dead process still had on the wire.
            await asyncio.sleep(LATE if any(rule.kind == "latency" for rule in story.faults) else 0)
    except TimeoutError:
        standing = [(row.number, row.state, row.code, row.batch, row.looks) for row in writer.rows()]
        raise AssertionError(f"{standing}, {troubled.begun}, {writer.batches()[-4:]}") from None
    finally:
        steps.batches = whole
        org.faults.clear()
    return before, troubled.begun


@settings(
    max_examples=examples(8),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(stories)
async def test_whatever_fails_each_writeback_has_one_effect_or_none_and_a_reason(
    writer: WritingEngine, story: Story
) -> None:
    before, begun = await live(writer, story)
    bodies = [
        body for (body,) in writer.engine.served.org.store.connection.execute("SELECT body FROM events")
    ]
    found = compare(writer.store, bodies, record_ids(writer, story), after=before)
    assert found.wrong(begun) == []
    assert writer.claims() == []
    assert {batch.state for batch in writer.batches()} <= {"closed"}
