"""A row and its activity agree: else a workflow sends what no activity takes, or waits at a queue
that nobody serves.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from schemas import names
from tests.histories.record import FOLDER, VERSION
from tests.support.builders.contracts import contracts, defined_activities
from workflows.contracts.contract import Contract

ROWS = {row.name: row for row in contracts()}
RECORDED_BEFORE_A_CHANGE = {names.WATCH_LANES, names.FIND_ECHOES, names.FORM_WRITEBACKS}
"""Their limits were changed after the histories were recorded."""
WRONG = """
from schemas.backfill import PartInput
from schemas.drift import RefreshState
from workflows.contracts.backfill import DROP_JOB, READ_PART
from workflows.runtime import run, start

async def wrong(part: PartInput, state: RefreshState) -> None:
    await run(READ_PART, state, summary="another input")
    start(READ_PART, None, summary="no input")
    found: int = await run(READ_PART, part, summary="another result")
    (await run(READ_PART, part, summary="right")).position.upper()
    await run(DROP_JOB, part, summary="right")
"""


def scheduled() -> Iterator[dict[str, Any]]:
    """The history's facts about every activity that a workflow has scheduled."""
    for path in (FOLDER / VERSION).glob("*.json"):
        for event in json.loads(path.read_text())["events"]:
            if (found := event.get("activityTaskScheduledEventAttributes")) is not None:
                yield found


def seconds(limit: timedelta | None) -> str:
    return "0s" if limit is None else f"{limit.total_seconds():.0f}s"


def limits_of(row: Contract[Any, Any]) -> dict[str, Any]:
    """As a history writes them; a server fills in what the row leaves open."""
    return {
        "taskQueue": row.queue,
        "startToCloseTimeout": seconds(row.start_to_close),
        "scheduleToCloseTimeout": seconds(row.schedule_to_close),
        "heartbeatTimeout": seconds(row.heartbeat),
        "maximumAttempts": row.retry.maximum_attempts,
        "initialInterval": row.retry.initial_interval,
        "backoffCoefficient": row.retry.backoff_coefficient,
    }


def limits_in(event: dict[str, Any]) -> dict[str, Any]:
    retry = event["retryPolicy"]
    return {
        "taskQueue": event["taskQueue"]["name"],
        **{key: event[key] for key in ("startToCloseTimeout", "scheduleToCloseTimeout", "heartbeatTimeout")},
        "maximumAttempts": retry.get("maximumAttempts", 0),
        "initialInterval": timedelta(seconds=float(retry["initialInterval"].removesuffix("s"))),
        "backoffCoefficient": retry["backoffCoefficient"],
    }


def test_a_stored_name_has_one_row() -> None:
    assert len(contracts()) == len(ROWS)


def test_every_row_has_an_activity_and_every_activity_a_row() -> None:
    assert ROWS.keys() == defined_activities().keys()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_an_activity_takes_and_returns_what_its_row_says(row: Contract[Any, Any]) -> None:
    hints = get_type_hints(defined_activities()[row.name])
    returned = hints.pop("return")
    assert (list(hints.values()), returned) == ([row.input], row.output)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_says_why_its_limits_are_as_they_are(row: Contract[Any, Any]) -> None:
    assert row.why.endswith(".")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_that_recorded_runs_have_used_still_has_their_limits(row: Contract[Any, Any]) -> None:
    found = [event for event in scheduled() if event["activityType"]["name"] == row.name]
    if row.name in RECORDED_BEFORE_A_CHANGE:
        assert {event["taskQueue"]["name"] for event in found} == {row.queue}
    else:
        assert all(limits_in(event) == limits_of(row) for event in found)


@pytest.mark.slow
def test_mypy_refuses_another_input_and_another_result(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), str(file)]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = [line.partition(": error: ") for line in ended.stdout.splitlines() if ": error: " in line]
    lines = {int(place.rpartition(":")[2]): text for place, _, text in found}
    assert lines.keys() == {8, 9, 10}, ended.stdout
    assert 'of "run"' in lines[8]
    assert 'of "start"' in lines[9]
    assert "ReadSlice" in lines[10]
