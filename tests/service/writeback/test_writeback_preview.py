"""A dry run says what writebacks would do to the records as they are, what it would cost, and
changes nothing.
"""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from rich.console import Console

from cli.writeback.dry_run import DryRun, preview_page
from schemas import names
from schemas.ids import preview_key, preview_workflow_id
from schemas.writeback.preview import FieldDifference, Preview, PreviewEffect, PreviewInput
from tests.service.writeback.test_writebacks import case, in_org
from tests.support.builders.writebacks import asked
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import WritingEngine, writing
from workflows import WritebackPreviewWorkflow

SECRET = "Zq7Personal"


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    async with writing(engine) as found:
        yield found


async def preview(writer: WritingEngine, *items: dict[str, Any]) -> Preview:
    dry = DryRun(writer.intake)
    dry.take([asked(**item) for item in items])
    found = await writer.previews.preview(dry.rows)
    return found.model_copy(update={"refused": tuple(dry.refused)})


async def test_each_effect_is_told_with_what_differs_and_nothing_is_changed(writer: WritingEngine) -> None:
    writer.accepted(case(1, fields={"Subject": "old", "SuppliedName": SECRET, "Status": "New"}))
    await writer.start()
    [row] = await writer.settled()
    writer.engine.served.calls()
    found = await preview(
        writer,
        case(1, key="a", fields={"Subject": "new", "SuppliedName": f"{SECRET}2", "Status": "New"}),
        case(1, key="b", fields={"Subject": "new"}),
        case(1, key="c", fields={"Subject": "c"}, only_if={"Status": "Closed"}),
        case(2, key="d", fields={"Subject": "d"}),
        case(3, key="e", fields={"Subject": "e"}, may_create=False),
        case(4, key="f", fields={"Statsu": "e"}),
    )
    assert [each.effect for each in found.writebacks] == [
        PreviewEffect.UPDATE,
        PreviewEffect.NOTHING,
        PreviewEffect.NOT_SENT,
        PreviewEffect.CREATE,
        PreviewEffect.NOT_SENT,
    ]
    first, _, unmet, created, missing = found.writebacks
    assert first.differences == (
        FieldDifference(field="Subject", now="old", then="new"),
        FieldDifference(field="SuppliedName", is_hidden=True),
    )
    assert (first.record_id, "only_if" in unmet.why, "may_create" in missing.why) == (
        row.record_id,
        True,
        True,
    )
    assert created.warnings == ("a new record needs Status",)
    assert [(each.index, each.field) for each in found.refused] == [(5, "fields.Statsu")]
    assert (found.calls, len(writer.engine.served.calls())) == (1, 1)
    assert (in_org(writer), len(writer.rows())) == ({"C-1": "old"}, 1)
    assert SECRET not in found.model_dump_json()
    console = Console(width=200, record=True)
    console.print(preview_page(found))
    page = console.export_text()
    assert "5 writebacks: 1 create, 1 update, 1 nothing, 2 not sent; 1 refused" in page
    assert "Subject: old -> new; SuppliedName differs" in page
    assert "likely refused: a new record needs Status" in page


async def test_the_cost_is_that_of_the_carrier_and_of_the_parents_that_are_shared(
    writer: WritingEngine,
) -> None:
    items = [
        case(n, fields={"Subject": "x", "Status": "New", "Account": {"ExternalId__c": f"A-{n // 10}"}})
        for n in range(20)
    ]
    [cost] = (await preview(writer, *items, case(0, key="again"))).costs
    assert (cost.object, cost.carrier, cost.batches, cost.calls) == ("Case", "collections", 2, 4)
    assert (cost.sharing, cost.parents) == (20, 2)


async def test_a_dry_run_by_a_workflow_leaves_its_answer_in_the_object_store(writer: WritingEngine) -> None:
    dry = DryRun(writer.intake)
    dry.take([asked(**case(1))])
    name = uuid.uuid4().hex
    key = preview_key(writer.engine.org, name)
    writer.engine.store.put(key, orjson.dumps(dry.rows))
    told = await writer.engine.client.execute_workflow(
        WritebackPreviewWorkflow.run,
        PreviewInput(org=writer.engine.org, key=key),
        id=preview_workflow_id(writer.engine.org, name),
        task_queue=names.WORKFLOW_QUEUE,
    )
    found = Preview.model_validate_json(writer.engine.store.get(told.key))
    assert [each.effect for each in found.writebacks] == [PreviewEffect.CREATE]
