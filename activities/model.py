"""build_model: have dbt build what was applied since the last build.

Safe to repeat: a build that failed is no mark for the next one, which takes its part again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from clients.model.builder import ModelBuilder
from clients.warehouse import Warehouse
from schemas import names
from schemas.errors import StatementError
from schemas.model import ModelBuildInput, ModelCommand, ModelRun


@dataclass(frozen=True)
class BuildModel:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    builder: ModelBuilder

    @activity.defn(name=names.BUILD_MODEL)
    async def build_model(self, request: ModelBuildInput) -> ModelRun:
        """Build the model; returns what was built, nothing where nothing was applied."""
        async with heartbeating():
            if not request.full and not await asyncio.to_thread(self._has_news):
                return ModelRun()
            return await asyncio.to_thread(self.builder.run, ModelCommand.BUILD, full=request.full)

    def _has_news(self) -> bool:
        """True when a batch was applied since the last build, or there was none. Its overlap
        counts: a transaction that was open then shows its rows with an earlier time.
        """
        since = self.builder.news_since()
        try:
            with self.warehouse.transaction() as transaction:
                ((is_new,),) = transaction.fetch(since)
        except StatementError:
            return True  # no build has been: its table is not there
        return bool(is_new)


def activities(warehouse: Warehouse, builder: ModelBuilder) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`: a build may be late.

    Args:
        warehouse: Of the process.
        builder: Of the same warehouse.
    """
    return [BuildModel(warehouse, builder).build_model]
