"""Commands as an operator types them, in this process: one of its own takes seconds to import."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from cli.main import _exit_code
from cli.output import OUT
from schemas.errors import TidegateError
from tests.support.command_line import app

_WIDE = 4_000


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}{self.err}"


def tidegate(settings: Path, *words: str, stdin: str | None = None) -> Ended:
    """Run `tidegate WORDS` on these settings. An error that is not ours is raised."""
    with _wide():
        ended = CliRunner().invoke(app, [*words, "--settings", str(settings)], input=stdin)
    if isinstance(ended.exception, TidegateError):
        return Ended(_exit_code(ended.exception), ended.stdout, f"{ended.stderr}Error: {ended.exception}\n")
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


@contextmanager
def _wide() -> Iterator[None]:
    """A line of the output is one line."""
    before = OUT.width
    OUT.width = _WIDE
    try:
        yield
    finally:
        OUT.width = before
