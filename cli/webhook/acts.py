"""Shared by the commands of webhooks: the store, where feeds begin, and the signal to the
workflow.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from cli.options import ActOptions
from cli.output import OUT, print_json, say
from clients.warehouse.records.feed import ChangeFeed, Place
from clients.webhook.control import Author, WebhookControl
from schemas.catalogue import ObjectSpec
from schemas.errors import SettingsError, TransientError
from schemas.message import Message
from schemas.security.access import RecordScope
from schemas.settings.api import CALLER_NAME
from schemas.webhook.messages import Webhook, WebhookState, WebhookView
from workers.clients import connect_temporal, decided_catalogue, open_warehouse, read_sessions
from workers.settings import Settings
from workers.webhook.control import (
    NO_FEED,
    WrongWebhookError,
    checked_records,
    checked_url,
    places,
    started,
    webhook_control,
)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The webhook's name.")]


@dataclass(frozen=True)
class Wanted:
    """The scope of a webhook, and where its feeds begin."""

    records: RecordScope
    places: dict[str, Place]


def author(options: ActOptions) -> Author:
    """Who acts, and why."""
    return Author(options.actor, options.reason)


@contextmanager
def control(settings: Settings) -> Iterator[WebhookControl]:
    """The webhooks of the settings' store, until left."""
    with webhook_control(settings) as found:
        yield found


def existing(found: T | None, name: str) -> T:
    """The answer about a webhook; raises `SettingsError` for a name that no webhook has."""
    if found is None:
        raise SettingsError(
            f"There is no webhook {name}. `tidegate webhook list` shows those that there are."
        )
    return found


def begun_at(
    settings: Settings,
    objects: Sequence[str],
    after: str,
    *,
    decrypt: Sequence[str] = (),
    name: str = "",
    url: str = "",
    of: Webhook | None = None,
) -> Wanted:
    """Check what is asked for, and find where its feeds begin.

    Args:
        settings: Of the engine.
        objects: API names.
        after: As of the option.
        decrypt: Protected fields.
        name: Of a new webhook; "" = it is not new.
        url: Likewise.
        of: The webhook whose objects they must be. None = it is new.

    Raises:
        SettingsError: A part of it cannot be; or the warehouse is Redshift without a
            read copy.
    """
    if read_sessions(settings) is None:
        raise SettingsError(NO_FEED)
    if name and re.fullmatch(CALLER_NAME, name) is None:
        raise SettingsError(
            f"{name!r} cannot be a webhook's name: letters, digits and . _ @ - only, 64 at most."
        )
    if of is not None and (other := sorted(set(objects) - set(of.records.objects))):
        raise SettingsError(f"{of.name} gets no changes of {', '.join(other)}. Leave them out.")
    try:
        if of is None:
            checked_url(settings.webhook, url)
        with closing(open_warehouse(settings)) as warehouse:
            catalogue = decided_catalogue(settings, warehouse)
            records = checked_records(catalogue, objects, decrypt)
            specs = [catalogue.object(each) for each in records.objects]
            return Wanted(records, asyncio.run(_places(settings, specs, after)))
    except WrongWebhookError as error:
        option = {"url": "URL", "objects": "--object"}.get(error.part, f"--{error.part}")
        raise SettingsError(f"{option}: {error}.") from None


async def _places(settings: Settings, specs: Sequence[ObjectSpec], after: str) -> dict[str, Place]:
    sessions = read_sessions(settings)
    if sessions is None:
        raise SettingsError(NO_FEED)
    try:
        return await places(ChangeFeed(sessions), specs, after)
    finally:
        await sessions.close()


def wake(settings: Settings, view: WebhookView) -> None:
    """Signal the workflow of an active webhook. The act is in the store by now."""

    async def tell_it() -> bool:
        client = await connect_temporal(settings)
        return await started(client, settings.salesforce.org_id, view.webhook.name)

    if view.webhook.state is not WebhookState.ACTIVE:
        return
    try:
        is_started = asyncio.run(tell_it())
    except TransientError:
        is_started = False
    if not is_started:
        say("Temporal does not answer. The act is in the store; a worker takes it up within a minute.")


def tell(view: Message, done: str, *, as_json: bool) -> None:
    """Print the outcome of an act."""
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        OUT.print(done, markup=False)
