"""Options of a group are the command's own, and reach the function as one value."""

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from cli.language.grammar import CommandApp
from cli.language.option_groups import OptionGroup

Name = Annotated[str, typer.Argument(metavar="NAME")]


@dataclass(frozen=True, kw_only=True)
class Calm(OptionGroup):
    """With a default for each."""

    why: Annotated[str, typer.Option("--why")] = ""
    loud: Annotated[bool, typer.Option("--loud")] = False


@dataclass(frozen=True, kw_only=True)
class Strict(Calm):
    """One of them is needed here."""

    why: Annotated[str, typer.Option("--why")] = field()


app = CommandApp(about="For the tests.\n\nExample: tests calm x")
taken: list[tuple[str, Calm, int]] = []


@app.command("calm")
def calm(name: Name, options: Calm, times: int = 1) -> None:
    """Keep what was given.

    Example: tests calm x
    """
    taken.append((name, options, times))


@app.command("strict")
def strict(name: Name, options: Strict) -> None:
    """Keep what was given.

    Example: tests strict x --why y
    """
    taken.append((name, options, 0))


def ran(*words: str) -> int:
    """The command's exit code; `taken` has what it was given."""
    taken.clear()
    return CliRunner().invoke(app, list(words)).exit_code


def test_the_options_of_a_group_come_as_one_value() -> None:
    assert ran("calm", "x", "--why", "because", "--loud", "--times", "3") == 0
    assert taken == [("x", Calm(why="because", loud=True), 3)]


def test_an_option_that_is_not_given_has_the_groups_default() -> None:
    assert ran("calm", "x") == 0
    assert taken == [("x", Calm(), 1)]


def test_an_option_without_a_default_is_needed() -> None:
    assert (ran("strict", "x"), taken) == (2, [])
    assert ran("strict", "x", "--why", "y") == 0
    assert taken == [("x", Strict(why="y"), 0)]
