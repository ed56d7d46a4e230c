"""`tidegate catalogue`: asks the org for what a catalogue says, and for what it should say. Nothing
is changed in the org or the warehouse.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from clients.doctor.org_events import examine_selection, read_selection
from clients.doctor.org_rights import LEASE_CLASS
from clients.salesforce.call_count import counting_calls
from clients.salesforce.describe import OrgSchema
from clients.salesforce.field_definitions import with_definitions
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import SessionSource
from schemas.catalogue import Catalogue, load_catalogue
from schemas.catalogue_check import CatalogueCheck, CatalogueDifference, Costs
from schemas.doctor import CheckResult, State
from schemas.errors import CallRefusedError, CatalogueNotMadeError, UnavailableError
from schemas.salesforce.object_shape import DescribedShape
from transforms.catalogue.render import Generated, render_catalogue
from transforms.drift.check_catalogue import differences_of, missing_object, sorted_differences
from workers.addresses import salesforce_sessions
from workers.clients import connect_temporal
from workers.doctor import streamed_objects
from workers.org_tokens import PaidBy, org_tokens
from workers.settings import Settings

T = TypeVar("T")
S = TypeVar("S")
_AT_ONCE = 8
"""Objects that are asked about at once."""
_CONNECT_SECONDS = 5.0
_SETUP = "Setup > Permission Sets > the integration user's set >"


@dataclass(frozen=True)
class Wanted:
    """Choose the objects of a catalogue."""

    objects: Sequence[str] = ()
    all_with_cdc: bool = False
    """True: also every object that is selected for Change Data Capture, behind the named ones, by
    name.
    """
    polled: bool = False
    """True: the named objects need not be selected; they are polled."""
    history: frozenset[str] = frozenset()
    """Objects whose versions are kept."""


@dataclass(frozen=True)
class Generation:
    """A catalogue, and what it took."""

    generated: Generated
    calls: int
    paid_by: PaidBy


async def generate_catalogue(settings: Settings, wanted: Wanted) -> Generation:
    """A catalogue of the wanted objects: two API calls an object, and one or two for the selection.

    Raises `CatalogueNotMadeError` with a line for each object that cannot be taken, and the
    errors of a remote that cannot be asked.
    """
    sessions, client = salesforce_sessions(settings.salesforce), await _temporal(settings)
    with counting_calls() as count:
        names = list(dict.fromkeys(wanted.objects))
        selected: frozenset[str] | None = None
        if wanted.all_with_cdc or not wanted.polled:
            async with _asking(settings, sessions, client, 0) as (org, _):
                selected = await _selected(org)
            names += sorted(selected.difference(names)) if wanted.all_with_cdc else []
        async with _asking(settings, sessions, client, 2 * len(names)) as (org, paid_by):
            answers = await _at_once(names, lambda name: _whole_shape(org, name))
    shapes = [each for each in answers if isinstance(each, DescribedShape)]
    problems = [each for each in answers if isinstance(each, str)]
    if selected is not None and not wanted.polled:
        problems += [_not_selected(shape.name) for shape in shapes if shape.name not in selected]
    problems += [
        f"{name}: --history names it, and --objects does not"
        for name in sorted(wanted.history.difference(names))
    ]
    if not names:
        problems.append(
            "no object is selected for change events: Setup > Change Data Capture > Selected Entities"
        )
    if problems:
        raise CatalogueNotMadeError(problems=problems)
    return Generation(render_catalogue(shapes, wanted.history), count.calls, paid_by)


async def check_catalogue(settings: Settings, file: Path) -> CatalogueCheck:
    """Compare a catalogue file with the org: one API call an object, and one or two for the
    selection.

    Raises `CatalogueError` for a file that cannot be used, and the errors of a remote that
    cannot be asked.
    """
    catalogue = load_catalogue(file)
    sessions, client = salesforce_sessions(settings.salesforce), await _temporal(settings)
    with counting_calls() as count:
        async with _asking(settings, sessions, client, len(catalogue.objects)) as (org, paid_by):
            found = await _at_once(list(catalogue.objects), lambda name: _compared(org, catalogue, name))
            selection = await _selection(org, settings, catalogue)
    return CatalogueCheck(
        at=datetime.now(UTC),
        org=settings.salesforce.org_id,
        file=str(file),
        objects=len(catalogue.objects),
        calls=count.calls,
        paid_by=paid_by,
        differences=sorted_differences([*(each for some in found for each in some), *selection]),
    )


@asynccontextmanager
async def _asking(
    settings: Settings, sessions: SessionSource, client: Client | None, objects: int
) -> AsyncIterator[tuple[OrgHttp, PaidBy]]:
    async with (
        org_tokens(settings, client, objects) as (tokens, paid_by),
        OrgHttp(sessions, tokens, api_version=settings.salesforce.api_version) as org,
    ):
        yield org, paid_by


async def _temporal(settings: Settings) -> Client | None:
    """A client of Temporal, where the governor is; None when it does not answer, as on the first
    day.
    """
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await connect_temporal(settings)
    except (UnavailableError, TimeoutError):
        return None


async def _at_once(items: Iterable[T], ask: Callable[[T], Awaitable[S]]) -> list[S]:
    """The answers in the order of the items, a few asked for at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> S:
        async with room:
            return await ask(item)

    return list(await asyncio.gather(*map(one, items)))


async def _selected(org: OrgHttp) -> frozenset[str]:
    try:
        return (await read_selection(org, custom=False)).objects()
    except CallRefusedError as error:
        raise CatalogueNotMadeError(
            problems=[_no_setup("the selection for change events", error.error_code)]
        ) from error


async def _whole_shape(org: OrgHttp, name: str) -> DescribedShape | str:
    """The object; or a sentence that says why it cannot be taken."""
    try:
        shape = await OrgSchema(org, LEASE_CLASS).shape(name)
    except CallRefusedError as error:
        if not error.is_missing:
            raise
        return f"{name}: the org has no such object, or hides it from the integration user. {_SETUP} Object Settings > {name} > Read"
    if shape.name != name:
        return f"{name}: the org calls it {shape.name}; give that name"
    if not shape.queryable:
        return f"{name}: the org lets nobody query it"
    if not shape.key_prefix:
        return f"{name}: its records have no key prefix, so nothing can follow them"
    # Without it a field that Setup calls personal would be written in plaintext.
    blind = f"{name}: what Setup says of how sensitive its fields are"
    try:
        return await with_definitions(org, shape) or _no_setup(blind, "no rows of FieldDefinition")
    except CallRefusedError as error:
        return _no_setup(blind, error.error_code)


def _no_setup(what: str, why: str) -> str:
    return f"{what} cannot be read ({why}). {_SETUP} System Permissions > View Setup and Configuration"


def _not_selected(name: str) -> str:
    return (
        f"{name}: not selected for change events. Setup > Change Data Capture > move {name} to Selected Entities > Save; "
        "or say --polled when a lane is to poll it"
    )


async def _compared(org: OrgHttp, catalogue: Catalogue, name: str) -> list[CatalogueDifference]:
    try:
        shape = await OrgSchema(org, LEASE_CLASS).shape(name)
    except CallRefusedError as error:
        if not error.is_missing:
            raise
        return [missing_object(name)]
    return differences_of(catalogue.object(name), shape)


async def _selection(org: OrgHttp, settings: Settings, catalogue: Catalogue) -> list[CatalogueDifference]:
    """Change events that the streamed objects lack."""
    try:
        found = await examine_selection(org, streamed_objects(settings, catalogue))
    except CallRefusedError as error:
        advice = _no_setup("the selection", error.error_code)
        return [CatalogueDifference(object="*", what="cdc", costs=Costs.UNKNOWN, advice=advice)]
    return [_of_finding(each) for each in found if each.state is not State.OK]


def _of_finding(found: CheckResult) -> CatalogueDifference:
    return CatalogueDifference(
        object=found.where,
        what=found.code.partition(".")[2],
        costs=Costs.MISSED if found.state is State.WRONG else Costs.NOTHING,
        now=found.found,
        advice=found.remedy,
    )
