"""How the command speaks: tables and JSON on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
"""Data. Colours only on a terminal, and not when NO_COLOR is set (rich looks)."""
TALK = Console(stderr=True, highlight=False)
"""Progress, notes, errors."""

EXIT_FAILED = 1
"""What was asked was done and does not hold (a demo that found a difference, a broken audit chain)."""
EXIT_REFUSED = 2
"""The command line or a setting is wrong."""
EXIT_UNAVAILABLE = 3
"""Something remote does not answer; the same command may work later."""

EXIT_NO_PLAN = 4
"""No plan keeps every object fresh within every budget; the output says what would help."""


def say(message: str) -> None:
    """A note for the person who watches."""
    TALK.print(message)


def print_json(value: Any) -> None:
    """A JSON value on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def progress(description: str, total: float) -> Iterator[Any]:
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
