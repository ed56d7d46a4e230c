"""The fleet's page: unknown has no tone of the good, and a report's words are no markup."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from api.console.pages.fleet import fleet_verdict
from api.console.render import render
from schemas.fleet import FleetStatus, MemberStatus
from schemas.settings.fleet import FleetMember
from schemas.status import FRESHNESS_TARGET, EngineStatus, Problem, Severity
from transforms.status.fleet import reported, unreported, worst_first

NOW = datetime(2026, 11, 30, 3, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'&"


def member(name: str) -> FleetMember:
    return FleetMember(name=name, url=f"https://{name}.example.org", token_file="/run/token")


def status(*severities: Severity, text: str = "t") -> EngineStatus:
    problems = tuple(
        Problem(code="lane.stalled", severity=each, subject="changes", text=text, remedy=text, since=NOW)
        for each in severities
    )
    empty: dict[str, Any] = dict.fromkeys(("remotes", "roles", "lanes", "objects"), ())
    return EngineStatus(at=NOW, org="00D", problems=problems, **empty)


def page(*members: MemberStatus) -> str:
    fleet = FleetStatus(at=NOW + timedelta(minutes=5), members=worst_first(members))
    values = {"fleet": fleet, "verdict": fleet_verdict(fleet), "freshness_target": FRESHNESS_TARGET}
    return render("live/fleet.html", values)


def silent(*before: Severity) -> MemberStatus:
    north = member("north")
    return unreported(north, "no answer within 5 s", "look at it", reported(north, status(*before)))


def test_a_silent_org_shows_its_last_page_with_its_age_and_nothing_of_the_page_is_good() -> None:
    text = page(silent(Severity.PAGE))
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))
    assert "1 org not known" in words
    assert "Last report 03:12:00, 5 min ago, then page: lane.stalled changes." in words
    assert not re.search(r'class="[^"]*\bgood\b', text)


def test_an_org_that_was_good_and_is_silent_has_no_good_word() -> None:
    text = page(silent())
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))
    assert "Last report 03:12:00, 5 min ago." in words
    assert not re.search(r'class="[^"]*\bgood\b', text)
    assert "no problem" not in words


def test_a_fleet_is_good_when_every_org_is() -> None:
    text = page(reported(member("north"), status()), reported(member("south"), status(Severity.NOTICE)))
    assert "2 orgs, no problem" in text
    assert 'class="verdict good"' in text
    text = page(reported(member("south"), status()), silent())
    assert 'class="verdict unknown"' in text


def test_a_fleet_without_orgs_is_unknown() -> None:
    assert 'class="verdict unknown"' in page()


def test_words_of_a_report_are_shown_as_text() -> None:
    text = page(reported(member("north"), status(Severity.PAGE, text=HOSTILE)))
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)" in text
