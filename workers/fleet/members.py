"""The members of the fleet: those of the settings, and those of the fleet's file."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from clients.secrets import SECRETS
from schemas.errors import SettingsError
from schemas.settings.fleet import FleetMember, FleetSettings, check_members

FILE_VARIABLE = "TIDEGATE_FLEET__FILE"


def fleet_members(settings: FleetSettings) -> tuple[FleetMember, ...]:
    """All of them. Raises `SettingsError` for a file that cannot be used; it quotes no token."""
    if settings.file is None:
        return settings.members
    members = (*settings.members, *_of_file(settings.file))
    try:
        check_members(members)
    except ValueError as error:
        raise SettingsError(f"{FILE_VARIABLE}: {error}. Correct {settings.file}.") from None
    return members


def token_of(member: FleetMember) -> str:
    """The present token, read where it is kept. Blocks."""
    if member.token is not None:
        return SECRETS.read(member.token.get_secret_value())
    path = member.token_file
    assert path is not None  # noqa: S101 -- a member has one of the two
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"The token file {path} cannot be read: {type(error).__name__}.") from error


def _of_file(path: Path) -> tuple[FleetMember, ...]:
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{FILE_VARIABLE}: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError) as error:
        # An error of the parser quotes the line, and a line may hold a token.
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise SettingsError(f"{FILE_VARIABLE}: {path} is no YAML or JSON{line}. Correct it.") from None
    listed = found.get("members") if isinstance(found, dict) and set(found) == {"members"} else found
    if not isinstance(listed, list):
        raise SettingsError(f"{FILE_VARIABLE}: {path} has no list `members:`. docs/deploy.md shows one.")
    return tuple(_member(path, number, each) for number, each in enumerate(listed))


def _member(path: Path, number: int, value: Any) -> FleetMember:
    try:
        return FleetMember.model_validate(value)
    except ValidationError as error:
        listed = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'member'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(f"{FILE_VARIABLE}: {path}, member {number + 1}: {listed}.") from None
