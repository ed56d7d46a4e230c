"""Dry runs of writebacks for the API, which calls no Salesforce: a workflow has a worker look, and
the answer comes by the object store.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from temporalio.client import WorkflowFailureError

from api.dependencies import Dependencies
from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.errors import UnavailableError
from schemas.ids import preview_key, preview_workflow_id
from schemas.security.access import WriterScope
from schemas.writeback.preview import FieldDifference, Preview, Previewed, PreviewInput, WouldBe

_PATIENCE = timedelta(seconds=60)


async def dry_run_of(
    parts: Dependencies, items: Sequence[Any], scope: WriterScope, *, shows_values: bool
) -> Preview:
    """The effect of writebacks now; without `shows_values` only the names of fields that differ.
    Those outside of `scope` are refused.

    Raises:
        UnavailableError: No `writebacks` worker answers in a minute, or the org does not.
    """
    rows, refused = await asyncio.to_thread(parts.intake.prepare, items, scope)
    if not rows:
        return Preview(writebacks=(), refused=refused, costs=(), calls=0)
    name = uuid.uuid4().hex
    key = preview_key(parts.org, name)
    kept = [key]
    await asyncio.to_thread(parts.store.put, key, orjson.dumps(rows))
    try:
        answered = await _look(parts, name, key)
        kept.append(answered.key)
        body = await asyncio.to_thread(parts.store.get, answered.key)
    finally:
        for each in kept:
            await asyncio.to_thread(parts.store.delete, each)
    found = Preview.model_validate_json(body).model_copy(update={"refused": refused})
    if shows_values:
        return found
    hidden = tuple(map(_without_values, found.writebacks))
    return found.model_copy(update={"writebacks": hidden})


async def _look(parts: Dependencies, name: str, key: str) -> Previewed:
    try:
        with translated_temporal():
            found: Previewed = await parts.client.execute_workflow(
                names.WRITEBACK_PREVIEW_WORKFLOW,
                PreviewInput(org=parts.org, key=key),
                id=preview_workflow_id(parts.org, name),
                task_queue=names.WORKFLOW_QUEUE,
                execution_timeout=_PATIENCE,
                result_type=Previewed,
                static_summary="a dry run of writebacks",
            )
    except WorkflowFailureError as error:
        raise UnavailableError(system="The dry run", detail=str(error.cause)) from error
    return found


def _without_values(each: WouldBe) -> WouldBe:
    hidden = tuple(FieldDifference(field=one.field, is_hidden=True) for one in each.differences)
    return each.model_copy(update={"differences": hidden})
