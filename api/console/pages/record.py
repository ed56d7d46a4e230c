"""One record's way: event, row, writeback, and back; where the time went at each change."""

import re
from datetime import timedelta
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask_thread
from api.console.values import asks_for_values, on_record
from schemas.writeback.messages import client_name
from transforms.writeback.echo import came_from
from workers.record_trace import current_values, trace_record
from workers.value_readings import READ_RECORD

_RECORD_ID = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?")


async def record(visit: Visit) -> View:
    """The way of the record that the query names; without one, the form alone.

    Values are read for an operator who asks for them, and for nobody else.
    """
    record_id = visit.word("id")
    is_id = _RECORD_ID.fullmatch(record_id) is not None
    found: Asked[dict[str, Any] | None] | None = None
    values: Asked[dict[str, str] | None] | None = None
    shows = asks_for_values(visit)
    if is_id:
        found = await ask_thread("the record", trace_record, visit.parts.settings, record_id)
        if shows and found.value is not None and "object" in found.value:
            values = await ask_thread("its values", _values, visit, found.value["object"], record_id)
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
    below = "record_values.html" if found is not None and found.value is not None else ""
    return View(title, "record.html", command, told, form="record.html", below=below, section="Record")


def _values(visit: Visit, object_name: str, record_id: str) -> dict[str, str] | None:
    """The values of the current row, once the reading is on record; without that there are none."""
    target = f"record/{visit.parts.org}/{object_name}/{record_id}"
    settings = visit.parts.settings
    return on_record(visit, READ_RECORD, target, lambda: current_values(settings, object_name, record_id))


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
