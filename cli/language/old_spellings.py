"""Spellings of the release before: accepted and not shown, each with a note that names the new one.
They go with the next release.
"""

from collections.abc import Iterator, Sequence, Set as AbstractSet

RENAMED = {
    "--everything": "--all",
    "--follow": "",  # the default waits
    "--from": "--since",
    "--is": "--state",
    "--key": "--name",
    "--plan": "--dry-run",
    "--state": "--home",
    "--to": "--until",
    "--why": "--reason",
    "--window": "--name",
    "--reason": "--because",  # of `quarantine list`, which asks for no reason
}
"""Old option -> new one; "" = it is left out, because it is what the command does."""
REPLACED = {
    "--dead": ("--state", "dead"),
    "--open": ("--state", "open"),
    "--running": ("--state", "running"),
}
"""Old flag -> the option and value that say the same."""


def respelled(given: Sequence[str], known: AbstractSet[str]) -> tuple[list[str], list[str]]:
    """The arguments in the new spelling, and a note about each that was changed.

    Args:
        given: Arguments of one command.
        known: Options of that command. An old spelling that it has as an option of its own is
            left alone.
    """
    found: list[str] = []
    notes: list[str] = []
    rest = iter(given)
    for each in rest:
        if each == "--":
            found += [each, *rest]
            break
        new = list(_new(each, known))
        if new != [each]:
            notes.append(f"{each.partition('=')[0]} is {' '.join(new) or 'the default'} now")
        found += new
    return found, notes


def _new(given: str, known: AbstractSet[str]) -> Iterator[str]:
    option, equals, value = given.partition("=")
    if option in known:
        yield given
    elif option in REPLACED and REPLACED[option][0] in known:
        yield from REPLACED[option]
    elif RENAMED.get(option) == "" and "--detach" in known:
        return
    elif RENAMED.get(option, "") in known:
        yield f"{RENAMED[option]}{equals}{value}"
    else:
        yield given
