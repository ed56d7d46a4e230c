"""One record's way: event, row, writeback, and back; where the time went at each change."""

import re
from datetime import timedelta
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask_thread
from schemas.writeback.messages import client_name
from transforms.writeback.echo import came_from
from workers.record_trace import current_values, trace_record

_RECORD_ID = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?")


async def record(visit: Visit) -> View:
    """The way of the record that the query names; without one, the form alone.

    Values are read for an operator who asks for them, and for nobody else.
    """
    record_id = visit.word("id")
    is_id = _RECORD_ID.fullmatch(record_id) is not None
    found: Asked[dict[str, Any] | None] | None = None
    values: Asked[dict[str, str] | None] | None = None
    shows = visit.session.is_operator and bool(visit.word("values"))
    if is_id:
        found = await ask_thread("the record", trace_record, visit.parts.settings, record_id)
        if shows and found.value is not None and "object" in found.value:
            about = (visit.parts.settings, found.value["object"], record_id)
            values = await ask_thread("its values", current_values, *about)
    told = {
        "record_id": record_id,
        "is_id": is_id,
        "found": found,
        "trace": None if found is None else found.value,
        "steps": _steps(found.value) if found is not None and found.value is not None else [],
        "current_values": values,
        "shows_values": shows,
    }
    title = f"Record {record_id}" if is_id else "Record"
    command = f"tidegate trace {record_id}" if is_id else "tidegate trace RECORD_ID"
    return View(title, "record.html", command, told, form="record.html", section="Record")


def _steps(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes, the newest first, each with the time that it took on both sides, and the writeback
    that it brings back.
    """
    return [_step(step, trace["writebacks"]) for step in reversed(trace["steps"])]


def _step(step: dict[str, Any], writebacks: list[dict[str, Any]]) -> dict[str, Any]:
    received, committed = step["received_at"], step["committed_at"]
    ours: timedelta | None = None if committed is None else committed - received
    origin = step["change_origin"] or ""
    echo = next(
        (each["number"] for each in writebacks if each["batch"] and _is_of(origin, each["batch"])), None
    )
    return {**step, "theirs": received - step["changed_at"], "ours": ours, "echo": echo}


def _is_of(origin: str, batch: str) -> bool:
    return came_from(origin, client_name(batch))
