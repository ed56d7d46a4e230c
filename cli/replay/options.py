"""Parse the options of `tidegate replay`."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from cli.options import acting_user, time_ago, time_of
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.replay import POSITION_PATTERN, ReplayInput, ReplaySelection
from schemas.run_names import replay_name
from schemas.salesforce.record_ids import whole_id
from workers.settings import Settings


@dataclass(frozen=True)
class Bounds:
    """--since and --until as they were typed; None = open."""

    since: str | None
    until: str | None


def selection_of(
    settings: Settings,
    catalogue: Catalogue,
    lane: str | None,
    object_name: str | None,
    record: str | None,
    bounds: Bounds,
) -> ReplaySelection:
    """The selection of the options; None of a part = any.

    Args:
        settings: Which org.
        catalogue: Must know the object.
        lane: One lane.
        object_name: One object.
        record: One record, by its id of 15 or 18 characters.
        bounds: Times or positions.

    Raises:
        SettingsError: The options do not fit together.
    """
    if object_name is not None:
        catalogue.object(object_name)
    if record is not None:
        with suppress(ValueError):  # what is no id is refused with the rest of the selection
            record = whole_id(record)
        object_name = object_name or _object_of(catalogue, record)
    parts = {"org": settings.salesforce.org_id, "lane": lane, "object": object_name, "record": record}
    try:
        return ReplaySelection.model_validate({**parts, **_range(bounds)})
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from error


def _range(bounds: Bounds) -> dict[str, str | datetime]:
    found: dict[str, str | datetime] = {}
    for option, given, position, time in (
        ("--since", bounds.since, "from_position", "since"),
        ("--until", bounds.until, "to_position", "until"),
    ):
        if given is not None:
            bound = _bound(option, given)
            found[time if isinstance(bound, datetime) else position] = bound
    return found


def request_of(
    selection: ReplaySelection, *, shadow: str | None, key: str | None, parallel: int, by: str, reason: str
) -> ReplayInput:
    """The workflow's input; raises `SettingsError` for a key or a shadow's name that cannot be
    one.
    """
    try:
        return ReplayInput(
            selection=selection,
            key=key or replay_name(selection, shadow),
            shadow=shadow,
            parallel=parallel,
            by=acting_user(by),
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
    if re.fullmatch(POSITION_PATTERN, given):
        return given
    try:
        return time_ago(given) or time_of(given)
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
