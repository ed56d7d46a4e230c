"""A batch's way into the warehouse: stage, then apply each object. Only references and counts
travel here.
"""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ids import repair_workflow_id
    from schemas.ingest.messages import (
        ApplyInput,
        ApplyObjectsInput,
        ApplyResult,
        BatchResult,
        StagedObject,
        StageInput,
    )
    from schemas.ingest.raw import Manifest
    from workflows.contracts.apply import APPLY_BATCH, APPLY_OBJECTS, STAGE_BATCH
    from workflows.runtime import run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_WATERMARK = SearchAttributeKey.for_datetime("Watermark")
_BEGINS_STAGED = "batch-begins-staged"
"""Histories without this mark are of releases that set `Stage` before each step. Now the start sets
the first one, and details, which cost no action of Temporal Cloud, say the rest.
"""
_APPLIES_TOGETHER = "batch-applies-together"
"""Histories without this mark are of releases that applied each object in a step of its own."""


@workflow.defn(name=names.CHANGE_BATCH_WORKFLOW)
class ChangeBatchWorkflow:
    """`batch/{org}/{lane}/{start}`: one landed batch, applied whole, object by object."""

    @workflow.run
    async def run(self, manifest: Manifest) -> BatchResult:
        self._is_staged_at_start = workflow.patched(_BEGINS_STAGED)
        self._show(manifest, "staging", {})
        staged = await run(STAGE_BATCH, StageInput(manifest=manifest), summary="decode and check")
        self._show(manifest, "applying", {})
        applied = await self._apply_all(manifest, staged.objects)
        results = {result.object: result for result in applied}
        self._show(manifest, "done", results)
        if any(result.rereads for result in applied):
            await _say_so(manifest.org)
        return BatchResult(
            landed=sum(result.landed for result in applied),
            applied=sum(result.applied for result in applied),
            duplicate=sum(result.duplicate for result in applied),
            quarantined=sum(result.quarantined for result in applied),
        )

    async def _apply_all(self, manifest: Manifest, shares: tuple[StagedObject, ...]) -> list[ApplyResult]:
        """Apply the objects together; those that cannot be applied so, each by itself."""
        done: dict[str, ApplyResult] = {}
        if workflow.patched(_APPLIES_TOGETHER) and len(shares) > 1:
            request = ApplyObjectsInput(manifest=manifest, staged=shares)
            summary = f"{len(shares)} objects: {sum(share.landed for share in shares)} changes"
            together = await run(APPLY_OBJECTS, request, summary=summary)
            done = {result.object: result for result in together.applied}
        left = [share for share in shares if share.object not in done]
        return [*done.values(), *await asyncio.gather(*(self._apply(manifest, share) for share in left))]

    async def _apply(self, manifest: Manifest, share: StagedObject) -> ApplyResult:
        summary = f"{share.object or 'unreadable'}: {share.landed} changes"
        return await run(APPLY_BATCH, ApplyInput(manifest=manifest, staged=share), summary=summary)

    def _show(self, manifest: Manifest, stage: str, results: dict[str, ApplyResult]) -> None:
        workflow.set_current_details(_details(manifest, stage, results))
        if stage != "done" and self._is_staged_at_start:
            return
        updates: list[SearchAttributeUpdate[Any]] = [_STAGE.value_set(stage)]
        if results:
            updates.append(_QUARANTINED.value_set(sum(result.quarantined for result in results.values())))
            changed_at = [result.last_changed_at for result in results.values() if result.last_changed_at]
            if changed_at:
                updates.append(_WATERMARK.value_set(max(changed_at)))
        workflow.upsert_search_attributes(updates)


async def _say_so(org: str) -> None:
    """Changes without values are on the list in any case: a lost signal only delays their
    repair.
    """
    repairs = workflow.get_external_workflow_handle(repair_workflow_id(org))
    with suppress(FailureError):
        await repairs.signal(names.LOOK)


def _details(manifest: Manifest, stage: str, results: dict[str, ApplyResult]) -> str:
    lines = [
        f"**{stage}** · lane `{manifest.lane}` · positions `{manifest.start}` to `{manifest.end}`",
        "",
        f"raw file `{manifest.raw_key}`, {manifest.events} events, {manifest.raw_bytes / 1e6:.1f} MB",
        "",
        "| object | landed | applied | duplicate | quarantined | rebuilt records |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in sorted(manifest.landed):
        result = results.get(name)
        numbers = (
            (result.applied, result.duplicate, result.quarantined, result.rebuilt) if result else ("…",) * 4
        )
        cells = " | ".join(str(number) for number in numbers)
        lines.append(f"| {name or '(unreadable)'} | {manifest.landed[name]} | {cells} |")
    return "\n".join(lines)
