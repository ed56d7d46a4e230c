"""Incidents: what is wrong now, and the runbook."""

from api.console.live import View, Visit
from api.console.parts_asked import ask
from api.console.runbook import sections
from schemas.status_problems import PROBLEMS, anchor


async def incidents(visit: Visit) -> View:
    """Problems of the last look, every problem that there can be, and the runbook's text."""
    look = await ask("the engine's status", visit.parts.look.recent())
    status = None if look.value is None else look.value.status
    found = sections()
    values = {
        "look": look,
        "status": status,
        "kinds": [(code, kind, anchor(code)) for code, kind in PROBLEMS.items()],
        "sections": found,
        "known": {each.anchor for each in found},
        "present": {each.code for each in status.problems} if status else set(),
    }
    return View(
        "Incidents",
        "incidents.html",
        "tidegate status --check",
        values,
        below="runbook.html",
        section="Incidents",
    )
