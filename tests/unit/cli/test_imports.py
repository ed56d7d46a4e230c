"""Commands start fast: one imports its own module and no other command's."""

import subprocess
import sys

import pytest

from cli.main import _COMMANDS, _asked_for, command_app

PLACES = {name: place for commands in _COMMANDS.values() for name, place in commands.items()}


def loaded(name: str) -> set[str]:
    """The commands' modules that a process has after it has made the command line for `name`."""
    script = f"import sys; from cli.main import command_app; command_app({name!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    modules = {place.partition(":")[0] for place in PLACES.values()}
    return modules & set(done.stdout.split())


@pytest.mark.parametrize("name", ["lane", "status"])
def test_a_command_imports_no_other_commands_module(name: str) -> None:
    assert loaded(name) == {PLACES[name].partition(":")[0]}


def test_help_and_unknown_words_know_every_command() -> None:
    assert _asked_for(["--help"]) is None
    assert _asked_for(["stauts"]) is None
    assert _asked_for(["--debug", "lane", "list"]) == "lane"
    made = command_app()
    commands = {each.name for each in made.registered_commands}
    assert commands | {each.name for each in made.registered_groups} == PLACES.keys()
