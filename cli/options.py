"""The options that commands share, each spelled once: which engine, who and why, times, what to
show and whether to wait.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.language.option_groups import OptionGroup
from cli.output import AsJson
from cli.state import local_settings
from clients.acting import operating_user
from schemas.errors import SettingsError
from schemas.security.reason import LONGEST_ACTOR, LONGEST_REASON, one_line
from workers.settings import Settings

DEFAULT_HOME = Path("var")
Home = Annotated[Path, typer.Option("--home", help="Folder of an engine that `tidegate up` runs.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; by default the one under --home.")
]


def _recorded(most: int) -> Callable[[str], str]:
    """A check of a text that goes on record: one line of at most `most` characters."""

    def check(text: str) -> str:
        try:
            one_line(text)
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None
        if len(text) > most:
            raise typer.BadParameter(f"it has {len(text):,} characters; {most:,} are recorded. Shorten it.")
        return text

    return check


_CHECKED_BY, _CHECKED_REASON = _recorded(LONGEST_ACTOR), _recorded(LONGEST_REASON)
By = Annotated[
    str,
    typer.Option(
        "--by",
        help="Who asks, for the audit log; by default the user of the operating system.",
        callback=_CHECKED_BY,
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit log.", callback=_CHECKED_REASON)]
NeededReason = Annotated[
    str,
    typer.Option("--reason", help="Why, for the audit log.", show_default=False, callback=_CHECKED_REASON),
]

TIMES = "2026-11-24, 2026-11-24T10:00Z or 2h (ago)"
Since = Annotated[str | None, typer.Option("--since", help=f"From this time on: {TIMES}.")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]

Detach = Annotated[bool, typer.Option("--detach", help="Start it and do not wait for its end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do and cost; start nothing.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything, without a choice.")]
OfObject = Annotated[str | None, typer.Option("--object", help="Only this object, by its API name.")]
Most = Annotated[int, typer.Option("--most", min=1, help="Rows shown one by one.")]
ObjectName = Annotated[str, typer.Argument(metavar="OBJECT", help="API name, such as Case.")]


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionGroup):
    """Of which engine."""

    settings: SettingsFile = None
    home: Home = DEFAULT_HOME

    def loaded(self) -> Settings:
        """The engine's settings."""
        return local_settings(self.settings, self.home)


@dataclass(frozen=True, kw_only=True)
class LookOptions(EngineOptions):
    """Of a command that shows something."""

    as_json: AsJson = False


@dataclass(frozen=True, kw_only=True)
class QuietActOptions(EngineOptions):
    """Of an act that shows nothing: who asks, and why."""

    by: By = ""
    reason: Reason = ""

    @property
    def actor(self) -> str:
        """As of `acting_user`."""
        return acting_user(self.by)


@dataclass(frozen=True, kw_only=True)
class ActOptions(QuietActOptions):
    """Of an act that shows its outcome."""

    as_json: AsJson = False


@dataclass(frozen=True, kw_only=True)
class ReasonedActOptions(ActOptions):
    """Of an act that needs a reason."""

    reason: NeededReason = field()  # without the default of the class before


_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def acting_user(by: str) -> str:
    """The person who acts: as given, else the user of the operating system. Both are claims, and go
    on record as such.
    """
    return by or operating_user()


def time_ago(text: str) -> datetime | None:
    """The time that was 90s, 10m, 2h or 3d ago, in whole seconds; None for any other text."""
    ago = _AGO.fullmatch(text)
    if ago is None:
        return None
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])


def time_of(text: str) -> datetime:
    """A time such as 2026-11-24 or 2026-11-24T10:00Z, in UTC where it names no zone; raises
    `ValueError` for any other text.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment(option: str, given: str | None) -> datetime | None:
    """The time that an option names: a date, an ISO time, or 2h for two hours ago.

    Args:
        option: For the error: `--since`.
        given: The text; None or "" = no time.

    Raises:
        SettingsError: The text is no time.
    """
    if not given:
        return None
    try:
        return time_ago(given) or time_of(given)
    except ValueError:
        raise SettingsError(f"{option}: {given!r} is not a time such as {TIMES}.") from None


def time_range(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Both bounds of --since and --until; None = open.

    Raises:
        SettingsError: A text is no time, or --since is not before --until.
    """
    first, last = moment("--since", since), moment("--until", until)
    if first is not None and last is not None and first >= last:
        raise SettingsError(f"--since {since} is not before --until {until}. Correct one of them.")
    return first, last
