"""Parse the options of `tidegate replay`."""

import re
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from cli.options import time_ago, time_of, who
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.replay import POSITION_PATTERN, ReplayInput, ReplaySelection, replay_key
from schemas.salesforce.record_ids import whole_id
from workers.settings import Settings


def selection_of(
    settings: Settings,
    catalogue: Catalogue,
    lane: str | None,
    object_name: str | None,
    record: str | None,
    since: str | None,
    until: str | None,
) -> ReplaySelection:
    """The options' selection; raises `SettingsError` that names the options that do not fit."""
    if object_name is not None:
        catalogue.object(object_name)
    if record is not None:
        with suppress(ValueError):  # what is no id is refused with the rest of the selection
            record = whole_id(record)
        object_name = object_name or _object_of(catalogue, record)
    bounds: dict[str, str | datetime] = {}
    for option, given, position, time in (
        ("--from", since, "from_position", "since"),
        ("--to", until, "to_position", "until"),
    ):
        if given is not None:
            bound = _bound(option, given)
            bounds[time if isinstance(bound, datetime) else position] = bound
    try:
        return ReplaySelection.model_validate(
            {
                "org": settings.salesforce.org_id,
                "lane": lane,
                "object": object_name,
                "record": record,
                **bounds,
            }
        )
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from error


def request_of(
    selection: ReplaySelection, *, shadow: str | None, key: str | None, parallel: int, by: str, reason: str
) -> ReplayInput:
    """The workflow's input; raises `SettingsError` for a key or a shadow's name that cannot be one."""
    try:
        return ReplayInput(
            selection=selection,
            key=key or replay_key(selection, shadow),
            shadow=shadow,
            parallel=parallel,
            by=who(by),
            reason=reason,
        )
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from error


def _sentences(error: ValidationError) -> str:
    told = []
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(map(str, each["loc"]))
        told.append(each["msg"].removeprefix("Value error, ") if not where else f"{where}: {each['msg']}")
    return f"That cannot be replayed: {'; '.join(told)}. `tidegate replay --help` shows the options."


def _bound(option: str, given: str) -> str | datetime:
    if (ago := time_ago(given)) is not None:
        return ago
    if re.fullmatch(POSITION_PATTERN, given):
        return given
    try:
        return time_of(given)
    except ValueError:
        raise SettingsError(
            f"{option}: {given!r} is neither a position of a lane nor a time such as 2026-11-24, 2026-11-24T10:00Z or 2h."
        ) from None


def _object_of(catalogue: Catalogue, record: str) -> str:
    found = [spec.name for spec in catalogue.objects.values() if spec.key_prefix == record[:3]]
    if len(found) == 1:
        return found[0]
    raise SettingsError(
        f"--record: no single object of the catalogue has ids that begin with {record[:3]}. Name it with --object."
    )
