"""export_tables: write curated tables as Parquet, an object after the other.

Safe to repeat: an object's manifest is written last, and an object whose manifest shows its last
commit is left out.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from clients.warehouse import Warehouse
from clients.warehouse.export.exporter import Exporter
from clients.warehouse.export.pages import PAGE
from clients.warehouse.export.place import opened_place
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError, TidegateError, UnavailableError
from schemas.model.export import ExportInput, ExportProblem, ExportRun
from schemas.settings.model import ExportSettings


@dataclass
class _Attempt:
    """One attempt, which a thread works at."""

    given_up: threading.Event = field(default_factory=threading.Event)
    at_work: str = ""
    """The object; "" = none yet."""
    objects: int = 0
    written: int = 0
    problems: list[ExportProblem] = field(default_factory=list)


@dataclass(frozen=True)
class ExportTables:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    catalogue: Catalogue
    settings: ExportSettings
    page: int = PAGE
    """Rows of a file."""

    @activity.defn(name=names.EXPORT_TABLES)
    async def export_tables(self, request: ExportInput) -> ExportRun:  # noqa: ARG002
        """Export each object that the settings name. An object that fails holds no other up: it is
        named in the result.

        Raises:
            UnavailableError: The warehouse, or the place of the export, does not answer.
            SettingsError: The settings name no place.
        """
        attempt, began = _Attempt(), time.monotonic()
        try:
            async with heartbeating(lambda: (attempt.at_work,)):
                await asyncio.to_thread(self._export, attempt)
        finally:
            # The thread goes on by itself; the next attempt must not meet it for long.
            attempt.given_up.set()
        return ExportRun(
            objects=attempt.objects,
            written=attempt.written,
            seconds=round(time.monotonic() - began, 1),
            problems=tuple(attempt.problems),
        )

    def _export(self, attempt: _Attempt) -> None:
        exporter = self._exporter(attempt)
        with self.warehouse.reading():
            pass  # one that does not answer is waited for, and is no problem of an object
        for name in self.settings.objects or tuple(self.catalogue.objects):
            if attempt.given_up.is_set():
                return
            attempt.at_work, now = name, datetime.now(UTC)
            try:
                made = exporter.export(self.catalogue.object(name), now)
            except (TidegateError, OSError, pa.ArrowException) as error:
                attempt.problems.append(ExportProblem(object=name, detail=str(error)[:1_000]))
            else:
                attempt.objects += 1
                attempt.written += made.exported_at == now

    def _exporter(self, attempt: _Attempt) -> Exporter:
        where = self.settings.where
        if not where:
            raise SettingsError(
                "TIDEGATE_EXPORT__WHERE is missing. Give a folder or s3://BUCKET/PREFIX, or pause the schedule."
            )
        try:
            files, folder = opened_place(where)
        except OSError as error:
            raise UnavailableError(system=where, detail=str(error)) from error
        return Exporter(self.warehouse, files, folder, self.page, attempt.given_up.is_set)


def activities(
    warehouse: Warehouse, catalogue: Catalogue, settings: ExportSettings
) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`: an export may be late.

    Args:
        warehouse: Of the process.
        catalogue: Of the same warehouse.
        settings: Where to, and of which objects.
    """
    return [ExportTables(warehouse, catalogue, settings).export_tables]
