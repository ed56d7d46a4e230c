"""How the command speaks: tables and JSON on stdout, everything else on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
"""Data. Colours only on a terminal, and not when NO_COLOR is set (rich looks)."""
TALK = Console(stderr=True, highlight=False)
"""Progress, notes, errors."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_UNAVAILABLE = 3
EXIT_NO_PLAN = 4
EXIT_ISOLATED = 5
EXIT_INTERRUPTED = 130

EXIT_CODES = {
    EXIT_OK: "It is done, and what was asked holds.",
    EXIT_FAILED: "It is done and does not hold, or the run failed: a difference is left, the audit log is broken.",
    EXIT_REFUSED: "The command line or a setting is wrong, or a run of that name was asked something else.",
    EXIT_UNAVAILABLE: "A remote system does not answer. The same command may work later. "
    "A run that was started goes on, and the last line says how to look at it.",
    EXIT_NO_PLAN: "`plan`: no plan keeps every object fresh within every budget. The output says what would help.",
    EXIT_ISOLATED: "`reconcile`: nothing differs but fields whose value does not fit. They are unknown in the warehouse.",
    EXIT_INTERRUPTED: "Ctrl-C. A run that was started goes on.",
}
"""How commands end; `docs/command_line.md` has the same table."""


AsJson = Annotated[bool, typer.Option("--json", help="One object on stdout.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show it again and again until Ctrl-C.")]
Every = Annotated[float, typer.Option(min=0.5, help="Seconds between two looks of --watch.")]


class Shown(Protocol):
    """The result of a command."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""


S = TypeVar("S", bound=Shown)


def say(message: str) -> None:
    """A note for the person who watches."""
    TALK.print(message)


def print_json(value: Any) -> None:
    """A JSON value on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def show(
    look: Callable[[], S],
    page: Callable[[S], RenderableType],
    *,
    as_json: bool,
    watch: bool,
    every: float,
) -> None:
    """Look and show what there is; with `watch` again and again, `every` seconds apart: a page in
    place, or one object after another.
    """
    if not watch:
        found = look()
        print_json(found.as_json()) if as_json else OUT.print(page(found))
        return
    if as_json:
        while True:
            print_json(look().as_json())
            time.sleep(every)
    with Live(console=OUT, auto_refresh=False) as live:
        while True:
            live.update(page(look()), refresh=True)
            time.sleep(every)


def numbers_table(numbers: Mapping[str, int]) -> Table:
    """One row of numbers under their names."""
    table = Table(*numbers, box=None)
    for column in table.columns:
        column.justify = "right"
    table.add_row(*(f"{number:,}" for number in numbers.values()))
    return table


@contextmanager
def progress_bar(description: str, total: float) -> Iterator[Any]:
    """A bar on stderr; yields an object with `update(completed=, detail=)`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=TALK, transient=not TALK.is_terminal) as bars:
        task = bars.add_task(description, total=total, detail="")

        class _Bar:
            def update(self, *, completed: float, detail: str = "") -> None:
                bars.update(task, completed=min(completed, total), detail=detail)

        yield _Bar()
