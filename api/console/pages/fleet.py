"""The fleet: every org's state on one screen, the worst first. Tokens of the orgs stay in the
process.
"""

from collections.abc import Mapping
from typing import Any, Final

from api.console.live import View, Visit
from api.console.pages.overview import overview
from schemas.fleet import FleetStatus, Verdict
from schemas.status import FRESHNESS_TARGET

_TONES: Final[Mapping[Verdict, str]] = {
    Verdict.PAGE: "bad",
    Verdict.UNKNOWN: "unknown",
    Verdict.TICKET: "warn",
    Verdict.NOTICE: "good",
    Verdict.OK: "good",
}
_COMMAND: Final = "tidegate fleet status"


async def first_page(visit: Visit) -> View:
    """The fleet where there is one, else the overview of the own org."""
    return await (overview if visit.parts.fleet is None else fleet)(visit)


async def fleet(visit: Visit) -> View:
    """Every org. The look is shared by all who view."""
    look = visit.parts.fleet
    found = None if look is None else await look.recent()
    values: dict[str, Any] = {
        "fleet": found,
        "verdict": None if found is None else fleet_verdict(found),
        "freshness_target": FRESHNESS_TARGET,
    }
    if found is None:
        return View("Fleet", "fleet.html", _COMMAND, values, section="Fleet")
    return View("Fleet", "fleet.html", _COMMAND, values, at=found.at, section="Fleet")


def fleet_verdict(found: FleetStatus) -> dict[str, str]:
    """The page's first sentence. Unknown comes before good."""
    counts = found.counts
    said = {
        Verdict.PAGE: "with a problem for now",
        Verdict.UNKNOWN: "not known",
        Verdict.TICKET: "with a problem for today",
    }
    parts = [f"{_orgs(counts[each])} {words}" for each, words in said.items() if each in counts]
    well = counts.get(Verdict.NOTICE, 0) + counts.get(Verdict.OK, 0)
    if not found.members:
        return {"tone": _TONES[found.worst], "said": "The fleet names no org", "more": ""}
    if not parts:
        return {
            "tone": _TONES[found.worst],
            "said": f"{_orgs(well)}, no problem",
            "more": "Every org was asked, and answered.",
        }
    more = [*parts[1:], *([f"{_orgs(well)} without a problem"] if well else [])]
    return {"tone": _TONES[found.worst], "said": parts[0], "more": f"{', '.join(more)}." if more else ""}


def _orgs(number: int) -> str:
    return f"{number} org{'s' * (number != 1)}"
