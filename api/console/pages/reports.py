"""Reports: the questions of a program director, answered from the reporting model."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask_thread
from api.dependencies import Dependencies
from clients.warehouse.sql.reports import QUESTIONS, ReportQuestion, answer, last_build
from schemas.errors import StatementError

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Answered:
    """A question and its rows."""

    question: ReportQuestion
    rows: Asked[list[Row] | None]
    """None: its mart is not built."""

    @property
    def most(self) -> float:
        """The longest bar; 0: there is none."""
        return max((float(row[-1] or 0) for row in self.rows.value or []), default=0)


async def reports(visit: Visit) -> View:
    """Each question by itself: a mart that is not built leaves the others to be seen."""
    schema = visit.parts.settings.model.database_schema
    now = datetime.now(UTC)
    asked = (
        ask_thread(question.title, _rows, visit.parts, answer(question, schema, now))
        for question in QUESTIONS
    )
    built, *found = await asyncio.gather(
        ask_thread("the last build", _rows, visit.parts, last_build(schema)), *asked
    )
    values = {
        "built": built,
        "built_at": built.value[0][0] if built.value else None,
        "answers": [Answered(question, rows) for question, rows in zip(QUESTIONS, found, strict=True)],
        "is_scheduled": visit.parts.settings.model.on,
    }
    return View("Reports", "reports.html", "tidegate model build", values, section="Reports")


def _rows(parts: Dependencies, query: str) -> list[Row] | None:
    """The rows; None where the tables are not there."""
    try:
        with parts.warehouse.transaction() as transaction:
            found: list[Row] = transaction.fetch(query)
    except StatementError:
        return None
    return [(row[0], *(None if each is None else float(each) for each in row[1:])) for row in found]
