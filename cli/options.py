"""Shared options of commands by which an operator does something: who, why, on which engine, and times as people write them."""

import getpass
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

SettingsFile = Annotated[Path | None, typer.Option(help="Settings file; by default the one under --state.")]
By = Annotated[str, typer.Option(help="Who asks; goes on record. By default who is logged in.")]
Reason = Annotated[str, typer.Option(help="Why; goes on record.")]

_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def who(by: str) -> str:
    """Who acts: as given, else who is logged in."""
    return by or getpass.getuser()


def time_ago(text: str) -> datetime | None:
    """The time that was 90s, 10m, 2h or 3d ago; None for any other text."""
    ago = _AGO.fullmatch(text)
    return None if ago is None else datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])


def time_of(text: str) -> datetime:
    """A time such as 2026-11-24 or 2026-11-24T10:00Z, in UTC where it names no zone; raises `ValueError` for any other text."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
