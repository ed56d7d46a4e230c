"""Writebacks: what waits, what came of each, and one of them with every attempt."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask_thread
from api.console.values import asks_for_values, on_record
from api.problems import not_found
from clients.writeback.queries import Row, WritebackFilter
from schemas.errors import TidegateError
from schemas.ids import writeback_batch_id
from schemas.status import WRITEBACK_TARGET
from schemas.writeback.messages import WritebackState
from workers.value_readings import READ_WRITEBACK

_SHOWN = 50


async def writebacks(visit: Visit) -> View:
    """Counts by object, pauses, latencies, and the newest ones."""
    looks = visit.parts.looks
    state, object_name = visit.word("state"), visit.word("object")
    known = state in set(WritebackState)
    before = visit.word("before")
    chosen = WritebackFilter(
        object=object_name or None,
        state=WritebackState(state) if known else None,
        batch=visit.word("batch") or None,
    )

    def listed() -> list[Row]:
        return looks.page(chosen, _SHOWN, before=int(before) if before.isdigit() else None)

    standings, latencies, pauses, rows = await asyncio.gather(
        ask_thread("writebacks", looks.standings),
        ask_thread("writebacks of the last hour", looks.latencies),
        ask_thread("pauses", looks.pauses),
        ask_thread("the list of writebacks", listed),
    )
    values = {
        "standings": standings,
        "latencies": latencies,
        "pauses": pauses,
        "rows": rows,
        "states": list(WritebackState),
        "target": WRITEBACK_TARGET,
        "word_of": word_of,
        "is_last": len(rows.value or ()) < _SHOWN,
    }
    command = " ".join(
        ["tidegate writeback list", *(f"--object {object_name}" for _ in [0] if object_name)]
        + ([f"--state {state}"] if known else [])
    )
    return View(
        "Writebacks", "writebacks.html", command, values, form="writebacks.html", section="Writebacks"
    )


async def writeback(visit: Visit) -> View:
    """One writeback."""
    number = int(visit.part("number"))
    looks = visit.parts.looks
    row, attempts = await asyncio.gather(
        ask_thread("the writeback", looks.one, number), ask_thread("its attempts", looks.attempts, number)
    )
    if row.is_known and row.value is None:
        raise not_found("writeback", "/console/writebacks")
    shows = asks_for_values(visit)
    read_values = await ask_thread("its values", _values, visit, number, row) if shows else None
    shown = (row.value, *(attempts.value or ())) if shows else ()
    words = await asyncio.to_thread(_words, visit, [each for each in shown if each is not None])
    values = {
        "row": row,
        "words": words,
        "facts": row.value,
        "attempts": attempts,
        "steps": _steps(row),
        "trace": _trace(visit, row),
        "web_ui": _web_ui(visit, row),
        "target": WRITEBACK_TARGET,
        "word_of": word_of,
        "shows_values": shows,
        "read_values": read_values,
    }
    command = f"tidegate writeback show {number}"
    title, below = f"Writeback {number}", "writeback_values.html" if row.value is not None else ""
    return View(title, "writeback.html", command, values, below=below, section="Writebacks")


def _values(visit: Visit, number: int, row: Asked[Row | None]) -> dict[str, Any]:
    """Its fields with their values, once the reading is on record."""
    facts = row.value
    if facts is None:
        return {}
    target = f"writeback/{visit.parts.org}/{facts['object']}/{number}"
    fields: dict[str, Any] = facts["fields"]
    return on_record(visit, READ_WRITEBACK, target, lambda: fields)


def _batch_id(visit: Visit, row: Asked[Row | None]) -> str | None:
    facts = row.value
    if facts is None or not facts["batch"]:
        return None
    return writeback_batch_id(visit.parts.org, facts["object"], facts["batch"])


def _words(visit: Visit, rows: list[Row]) -> dict[str, str]:
    """Salesforce's own words by their tokens, for those who may see values."""
    tokens = {row["words"] for row in rows if row["words"]}
    with suppress(TidegateError):  # without the key the page shows what it can
        return {token: words for token in tokens if (words := visit.parts.words.reveal(token)) is not None}
    return {}


def _trace(visit: Visit, row: Asked[Row | None]) -> str | None:
    workflow_id = _batch_id(visit, row)
    return None if workflow_id is None else visit.trace_url(workflow_id)


def _web_ui(visit: Visit, row: Asked[Row | None]) -> str | None:
    workflow_id = _batch_id(visit, row)
    return None if workflow_id is None else visit.parts.web_ui(workflow_id)


def word_of(row: Row) -> str:
    """The state in a word. One that waits after an attempt is retrying, which is neither failed nor
    done.
    """
    if row["state"] == WritebackState.WAITING and row["attempts"]:
        return "retrying"
    return "sent" if row["state"] == WritebackState.OPEN and row["sent_at"] else str(row["state"])


def _steps(row: Asked[Row | None]) -> list[tuple[str, datetime, float | None]]:
    """Each step that it has taken: name, time, and seconds since the one before."""
    if row.value is None:
        return []
    facts: Row = row.value
    names = {
        "accepted by Tidegate": "accepted_at",
        "sent to Salesforce": "sent_at",
        "done in Salesforce": "done_at",
        "back as a change": "echoed_at",
    }
    found: list[tuple[str, datetime, float | None]] = []
    for name, column in names.items():
        at: Any = facts[column]
        if at is not None:
            seconds = (at - found[-1][1]).total_seconds() if found else None
            found.append((name, at.astimezone(UTC), seconds))
    return found
