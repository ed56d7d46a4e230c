"""The runbook has a section for every problem, and every section one command that can be typed."""

import re
from collections.abc import Sequence

import pytest

from schemas.status_problems import PROBLEMS, anchor
from tests.incidents.page import PAGE, PARTS, Entry, entries, words_of
from tests.unit.cli.test_grammar import ROOT

ENTRIES = entries()
INCIDENTS = [each for each in ENTRIES if each.is_incident]
TEXT = PAGE.read_text(encoding="utf-8")
QUOTED = re.findall(r"`(tidegate [^`]+)`", TEXT)
"""Commands in running text. A quoted command without its arguments names it."""


def refusal(words: Sequence[str]) -> str:
    """Why the command line does not know these words; "" when it does."""
    command, context, rest = ROOT, ROOT.make_context("tidegate", [], resilient_parsing=True), list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0) if rest and rest[0] in command.commands else command.usual
        if not name:
            return f"{words[:1]} is no command"
        command = command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    context.resilient_parsing = False  # it would pass over options that there are not
    try:
        _, left, _ = command.make_parser(context).parse_args(rest)
    except Exception as error:
        return str(error)
    return f"it takes no {left}" if left else ""


def section(name: str) -> list[Entry]:
    """The section of that anchor with the entries below it."""
    begin = next((place for place, each in enumerate(ENTRIES) if each.anchor == name), None)
    if begin is None:
        return []
    found = [ENTRIES[begin]]
    for each in ENTRIES[begin + 1 :]:
        if each.level <= ENTRIES[begin].level:
            break
        found.append(each)
    return found


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_a_section_with_a_remedy(code: str) -> None:
    assert [each for each in section(anchor(code)) if each.is_incident], f"no entry #{anchor(code)}"


@pytest.mark.parametrize("entry", INCIDENTS, ids=lambda entry: entry.anchor)
def test_an_entry_shows_means_does_and_ends_with_one_command(entry: Entry) -> None:
    assert entry.parts == PARTS
    (command,) = entry.commands
    assert refusal(words_of(command)) == ""


@pytest.mark.parametrize("typed", sorted(set(QUOTED)))
def test_a_command_in_the_text_can_be_typed(typed: str) -> None:
    assert refusal(words_of(typed.replace("…", "x").rstrip(" .,"))) == ""


def test_there_are_thirty_incidents_and_more_and_no_anchor_twice() -> None:
    anchors = [each.anchor for each in ENTRIES]
    assert len(INCIDENTS) >= 30
    assert len(anchors) == len(set(anchors))


def test_every_link_within_the_page_leads_to_a_section() -> None:
    anchors = {each.anchor for each in ENTRIES}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) - anchors == set()


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("lane resume LANE --reason x", True),
        ("quarantine list --cause x", False),
        ("ledger", False),
        ("reconcile OBJECT --depth ids", True),
        ("status much", False),
    ],
)
def test_the_rule_tells_a_command_from_what_only_looks_like_one(words: str, known: bool) -> None:
    assert (refusal(words.split()) == "") == known


def test_a_title_gives_the_anchor_that_links_use() -> None:
    (found,) = entries("## Was it sent twice?\n\ntext\n")
    assert found.anchor == "was-it-sent-twice"
