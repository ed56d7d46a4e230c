"""One grammar for every command: help that is whole and has an example, one spelling each, old ones
still understood.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli.language.grammar import Command, CommandGroup, Panel, split_example
from cli.language.old_spellings import RENAMED, REPLACED, respelled
from cli.main import command_app
from cli.output import EXIT_CODES

app = command_app()

ROOT_FOLDER = Path(__file__).parents[3]
ROOT: Any = typer.main.get_command(app)
OLD = {*RENAMED, *REPLACED} - {"--key", "--reason", "--state"}
"""Spellings of the release before that no command has any more. --key is the key of a writeback,
--state a filter.
"""
READ_ONLY = {"status", "trace", "plan", "doctor", "audit", "config", "worker", "catalogue", "migrate"}
LOCAL = {"demo", "up", "sandbox"}
ACTS = {"start", "pause", "resume", "cancel", "drop", "redrive", "acknowledge", "discard", "release", "move"}
ACTS |= {
    "add",
    "remove",
    "replay",
    "build",
    "run",
    "rotate",
    "reencrypt",
    "revoke",
    "pin",
    "unpin",
    "submit",
    "drain",
    "retry",
    "undo",
    "refresh",
    "drift",
    "recheck",
    "fill",
    "set-current",
    "ramp",
}


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command and group below one, by its words."""
    yield " ".join(path), command
    for name, each in getattr(command, "commands", {}).items():
        yield from walk(each, (*path, name))


EVERY = dict(walk(ROOT))
LEAVES = {words: command for words, command in EVERY.items() if not isinstance(command, CommandGroup)}


def options(command: Any) -> set[str]:
    return {each for param in command.params for each in (*param.opts, *param.secondary_opts)}


def shown(words: str) -> str:
    """The help of a command at 80 columns."""
    command, context = ROOT, None
    for name in ["tidegate", *words.split()]:
        command = ROOT if context is None else command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=80)
    return str(command.get_help(context))


@pytest.mark.parametrize("words", EVERY)
def test_help_is_whole_fits_eighty_columns_and_ends_with_an_example(words: str) -> None:
    text = shown(words)
    about, example = split_example(EVERY[words].help or "")
    assert "…" not in text
    # Dots that stand for more of the same, as in "COMMAND [ARGS]...", are no cut.
    assert not [line for line in text.splitlines() if line.endswith("...") and "Usage: " not in line]
    assert max(len(line) for line in text.splitlines() if not line.startswith("  tidegate")) <= 80
    assert about
    assert example.startswith("tidegate ")
    assert text.rstrip().endswith(example)


@pytest.mark.parametrize("words", EVERY)
def test_every_option_says_what_it_is(words: str) -> None:
    silent = [param.name for param in EVERY[words].params if not (param.help or "").strip()]
    assert silent == []


@pytest.mark.parametrize("words", EVERY)
def test_no_command_has_an_old_spelling(words: str) -> None:
    assert options(EVERY[words]) & OLD == set()


@pytest.mark.parametrize("words", LEAVES)
def test_every_command_is_of_this_grammar(words: str) -> None:
    assert isinstance(LEAVES[words], Command)


def test_the_commands_are_grouped_on_one_screen() -> None:
    text = shown("")
    assert {each.rich_help_panel for each in ROOT.commands.values()} == set(Panel)
    assert [line.rstrip(":") for line in text.splitlines() if line.rstrip(":") in set(Panel)] == list(Panel)
    assert 24 <= len(text.splitlines()) <= 60
    listed = [line for line in text.splitlines() if re.match(r"  [a-z]+ {2,}[A-Z]", line)]
    assert len(listed) == len(ROOT.commands)


@pytest.mark.parametrize("words", LEAVES)
def test_who_changes_something_says_who_and_why(words: str) -> None:
    first, last = words.split()[0], words.split()[-1]
    has = {"--by", "--reason"} & options(LEAVES[words])
    if first in LOCAL or (first in READ_ONLY and words != "audit list"):
        assert has == set()
    elif words in ("audit list", "api token"):
        assert has == {"--by"}, "the one filter by that name: it asks for what --by has written"
    else:
        assert has == ({"--by", "--reason"} if last in ACTS else set())


@pytest.mark.parametrize("words", [each for each in LEAVES if "--since" in options(LEAVES[each])])
def test_a_range_has_two_ends(words: str) -> None:
    assert "--until" in options(LEAVES[words])


@pytest.mark.parametrize(
    "words",
    ["backfill start", "replay start", "quarantine redrive", "reconcile start", "refresh", "drift"],
)
def test_what_starts_a_run_waits_unless_it_is_told_to_leave(words: str) -> None:
    assert "--detach" in options(LEAVES[words])


@pytest.mark.parametrize(
    ("given", "known", "new"),
    [
        (["--from", "2h", "--follow"], {"--since", "--detach"}, ["--since", "2h"]),
        (["--to=2h"], {"--until"}, ["--until=2h"]),
        (["--dead"], {"--state"}, ["--state", "dead"]),
        (["--state", "var"], {"--home"}, ["--home", "var"]),
        (["--state", "dead"], {"--home", "--state"}, ["--state", "dead"]),
        (["--key", "k"], {"--key", "--name"}, ["--key", "k"]),
        (["--follow"], {"--home"}, ["--follow"]),
        (["--", "--plan"], {"--dry-run"}, ["--", "--plan"]),
        (["--plan"], {"--dry-run"}, ["--dry-run"]),
    ],
)
def test_an_old_spelling_is_understood_where_the_command_has_the_new_one(
    given: list[str], known: set[str], new: list[str]
) -> None:
    found, notes = respelled(given, known)
    assert found == new
    assert bool(notes) == (given != new)


def test_an_old_spelling_works_and_names_the_new_one() -> None:
    ended = CliRunner().invoke(
        app, ["replay", "--from", "2h", "--plan", "--settings", "/nowhere/settings.json"]
    )
    assert "--from is --since now" in ended.stderr
    assert "--plan is --dry-run now" in ended.stderr
    assert "/nowhere/settings.json does not exist" in str(ended.exception)


def test_a_short_h_shows_the_same_help() -> None:
    ended = CliRunner().invoke(app, ["lane", "-h"])
    assert (ended.exit_code, "tidegate lane list" in ended.output) == (0, True)


def test_the_page_about_the_command_lists_every_exit_code_and_every_command() -> None:
    page = (ROOT_FOLDER / "docs/command_line.md").read_text()
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in page
    assert [name for name in ROOT.commands if f"`{name}`" not in page] == []


PAGES = [*(ROOT_FOLDER / "docs").glob("*.md"), ROOT_FOLDER / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_show_no_old_spelling(page: Path) -> None:
    old = [
        f"{page.name}:{number}: {line}"
        for number, line in enumerate(page.read_text().splitlines(), 1)
        for typed in re.findall(r"tidegate ([^`#|]*)", line)
        if set(re.findall(r"--[a-z-]+", typed)) & OLD
    ]
    assert old == []
