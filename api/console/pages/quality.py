"""Quality and quarantine: holds, open findings, scorecards, and changes that were refused."""

import asyncio
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import ask_thread
from api.dependencies import Dependencies
from api.routes.quarantine import QuarantineGroup, QuarantineRow
from clients.warehouse.sql import replay as sql
from schemas.quality_views import FindingChoice
from workers.quality import QualityLooks

_SHOWN = 50


async def quality(visit: Visit) -> View:
    """Everything that waits, of one object when the query names one."""
    parts, object_name = visit.parts, visit.word("object")
    looks = QualityLooks(parts.warehouse)
    choice = FindingChoice(object=object_name, rule=visit.word("rule"), field=visit.word("field"))
    holds, groups, findings, scores, refused = await asyncio.gather(
        ask_thread("holds", looks.holds),
        ask_thread("open findings", looks.groups, FindingChoice(object=object_name)),
        ask_thread("findings one by one", looks.findings, choice, _SHOWN),
        ask_thread("scorecards", looks.scorecard, object_name),
        ask_thread("quarantine", _refused, parts, object_name),
    )
    values: dict[str, Any] = {
        "holds": holds,
        "groups": groups,
        "findings": findings,
        "scores": scores,
        "refused": refused,
        "is_chosen": choice != FindingChoice(),
    }
    command = f"tidegate quality {object_name}".strip() if object_name else "tidegate quality"
    return View("Quality", "quality.html", command, values, form="quality.html", section="Quality")


def _refused(parts: Dependencies, object_name: str) -> tuple[list[QuarantineGroup], list[QuarantineRow]]:
    chosen = ["", "", object_name, object_name, "", ""]
    with parts.warehouse.transaction() as transaction:
        groups = transaction.fetch(sql.count_quarantine(acknowledged=False), chosen)
        rows = transaction.fetch(sql.list_quarantine(_SHOWN, acknowledged=False), chosen)
    return (
        [QuarantineGroup(**dict(zip(QuarantineGroup.model_fields, row, strict=True))) for row in groups],
        [QuarantineRow(**dict(zip(QuarantineRow.model_fields, row, strict=True))) for row in rows],
    )
