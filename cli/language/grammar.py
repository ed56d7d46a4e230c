"""The grammar of the commands: how help looks, and that old spellings are still understood.

Every command is made with `CommandApp`. Help fits 80 columns, is never cut, and ends with an
example.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from cli.language.old_spellings import respelled
from cli.language.option_groups import with_groups_as_options
from cli.output import say

F = TypeVar("F", bound=Callable[..., Any])
_EXAMPLE = "Example: "


class Panel(StrEnum):
    """The groups of commands in the help of `tidegate`, in their order."""

    LOOK = "Look"
    REPAIR = "Repair"
    HOLD = "Hold and steer"
    PROTECT = "Protect and keep"
    RUN = "Run the engine"
    LOCAL = "Try on this machine"


class _Help:
    """Help without boxes: the first sentence, the rest, the options, and the example as it can be
    typed.
    """

    help: str | None

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- as of Typer
        about, _ = split_example(self.help or "")
        if about:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(about)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- as of Typer
        _, example = split_example(self.help or "")
        if example:
            with formatter.section("Example"):
                formatter.write(f"  {example}\n")


class Command(_Help, TyperCommand):
    """A command that also understands the spellings of the release before."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {each for param in self.params for each in (*param.opts, *param.secondary_opts)}
        args, notes = respelled(args, known)
        for note in notes:
            say(f"{note}. The old spelling ends with the next release.")
        return super().parse_args(ctx, args)


class CommandGroup(_Help, TyperGroup):
    """A group. With a usual command, `tidegate backfill Case` is `tidegate backfill start Case`."""

    usual = ""
    """The command that is meant where none is named; "" = one has to be named."""
    meant_alone = False
    """True = also where nothing at all is given."""
    order: tuple[str, ...] = ()
    """Commands in the order in which help lists them; others come last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_help = bool(args) and args[0] in (*ctx.help_option_names, *self._flags())
        is_named = bool(args) and args[0] in self.commands
        if self.usual and not asks_help and not is_named and (args or self.meant_alone):
            args = [self.usual, *args]
        return super().parse_args(ctx, args)

    def _flags(self) -> Iterator[str]:
        for param in self.params:
            yield from param.opts

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        shown = [(name, each) for name in self.list_commands(ctx) if not (each := self.commands[name]).hidden]
        places = {name: place for place, name in enumerate(self.order)}
        shown.sort(key=lambda each: places.get(each[0], len(places)))
        width = max(len(name) for name, _ in shown)
        for panel in dict.fromkeys([*Panel, *(_panel(each) for _, each in shown)]):
            rows = [(name.ljust(width), summary(each)) for name, each in shown if _panel(each) == panel]
            if rows:
                with formatter.section(panel if panel in tuple(Panel) else "Commands"):
                    formatter.write_dl(rows)


def _panel(command: Any) -> str:
    panel = command.rich_help_panel
    return panel if isinstance(panel, str) else ""


def summary(command: Any) -> str:
    """The first sentence of a command's help."""
    about, _ = split_example(command.help or "")
    first, _, _ = " ".join(about.split("\n\n")[0].split()).partition(". ")
    return first.rstrip(".")


def split_example(text: str) -> tuple[str, str]:
    """A docstring without its example, and the example as a command line; "" = it has none."""
    about, found, example = text.partition(_EXAMPLE)
    return about.strip(), " ".join(example.split()) if found else ""


class CommandApp(typer.Typer):
    """A Typer app of this grammar."""

    def __init__(
        self,
        *,
        about: str,
        usual: str = "",
        meant_alone: bool = False,
        order: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Make a group.

        Args:
            about: The help of the group, with an example.
            usual: As of `CommandGroup`, like the next two; "" = a command has to be named.
            meant_alone: False = help is shown where nothing is given.
            order: () = as they were added.
            more: For `typer.Typer`.
        """
        words = {"usual": usual, "meant_alone": meant_alone, "order": order}
        super().__init__(
            cls=type("Group", (CommandGroup,), words),
            help=about,
            no_args_is_help=not meant_alone and not more.get("invoke_without_command", False),
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
            rich_markup_mode=None,
            **more,
        )

    def command(self, name: str | None = None, **more: Any) -> Callable[[F], F]:
        """As of Typer, with the grammar's class of command, and with groups of options."""
        more.setdefault("cls", Command)
        registered = super().command(name, **more)

        def add(function: F) -> F:
            registered(with_groups_as_options(function))
            return function

        return add
