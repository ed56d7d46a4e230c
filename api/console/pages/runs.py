"""Runs: backfills, replays, reconciliations, refreshes, schema checks; and one of them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask
from api.problems import not_found
from api.runs.kinds import RUN_ID_SLASH
from clients.temporal.run_kinds import BACKFILL, DRIFT, RECONCILE, REFRESH, REPLAY, RunKind
from clients.temporal.run_views import RunDescription, list_runs, look, progress
from schemas.message import Message

KINDS: dict[str, RunKind] = {kind.plural: kind for kind in (BACKFILL, REPLAY, RECONCILE, REFRESH, DRIFT)}
_SHOW = {"backfills": "backfill show", "replays": "replay show", "reconciliations": "reconcile show"}
_SHOWN = 20
_ENDS = ("failed", "terminated", "timed_out")


@dataclass(frozen=True)
class RunLine:
    """A run in a list."""

    object: str
    name: str
    href: str
    state: str
    run: RunDescription
    web_ui: str | None


async def runs(visit: Visit) -> View:
    """The newest runs of every kind."""
    found = await asyncio.gather(*(ask(plural, _of(visit, kind)) for plural, kind in KINDS.items()))
    values = {"kinds": found}
    return View("Runs", "runs.html", "tidegate status", values, section="Runs")


async def run(visit: Visit) -> View:
    """One run: its state as it reports it, or its result."""
    kind = KINDS.get(visit.part("kind"))
    if kind is None:
        raise not_found("kind of run", "/console/runs")
    workflow_id = kind.prefix(visit.parts.org) + visit.part("id").replace(RUN_ID_SLASH, "/")
    found = await look(visit.parts.client, workflow_id)
    if found is None:
        raise not_found(kind.noun, "/console/runs")
    told: Asked[tuple[Message | None, str]]
    told = await ask(f"the {kind.noun}'s state", progress(visit.parts.client, found, kind.state))
    object_name, name = kind.name_of(visit.parts.org, found.workflow_id)
    state = told.value[0] if told.value else None
    values = {
        "line": _line(visit, kind, found),
        "kind": kind,
        "told": told,
        "facts": [] if state is None else _facts(state.model_dump(mode="json")),
        "trouble": told.value[1] if told.value else "",
        "acts": kind.acts if found.status == "running" else (),
        "run_id": visit.part("id"),
    }
    noun = kind.noun.capitalize()
    title = f"{noun} {object_name} {name}".replace("  ", " ").strip()
    return View(title, "run.html", _command(kind, object_name, name), values, section="Runs")


def _command(kind: RunKind, object_name: str, name: str) -> str:
    shown = _SHOW.get(kind.plural)
    if shown is None:
        return "tidegate drift" if kind is DRIFT else "tidegate status"
    return f"tidegate {shown} {object_name} --name {name}" if object_name else f"tidegate {shown} {name}"


async def _of(visit: Visit, kind: RunKind) -> list[RunLine]:
    found, _ = await list_runs(
        visit.parts.client, kind.workflow_type, kind.prefix(visit.parts.org), most=_SHOWN
    )
    return [_line(visit, kind, each) for each in found]


def _line(visit: Visit, kind: RunKind, found: RunDescription) -> RunLine:
    object_name, name = kind.name_of(visit.parts.org, found.workflow_id)
    run_id = found.workflow_id.removeprefix(kind.prefix(visit.parts.org)).replace("/", RUN_ID_SLASH)
    return RunLine(
        object_name or kind.noun,
        name,
        f"/console/runs/{kind.plural}/{run_id}",
        state_of(found),
        found,
        visit.parts.web_ui(found.workflow_id, found.run_id),
    )


def state_of(found: RunDescription) -> str:
    """Its state in a word: Temporal's, but for a run that is paused or was cancelled by an
    operator.
    """
    if found.stage in ("paused", "cancelled", "failed") and found.status not in _ENDS:
        return found.stage
    return found.status


def _facts(state: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """A state as names and texts; what is empty is left out."""
    found: list[tuple[str, str]] = []
    for name, value in state.items():
        label = f"{before}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            found += _facts(value, f"{label}: ")
        elif isinstance(value, list):
            found += [(label, "; ".join(map(_text, value)))] if value else []
        elif value not in (None, ""):
            found.append((label, _text(value)))
    return found


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items() if each not in (None, "", 0))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
