"""Control of webhooks from settings; the API and the command line share it."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError

from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.webhooks import start_webhook
from clients.warehouse.records.feed import BEGINNING, ChangeFeed, Place
from clients.webhook.control import WebhookControl
from clients.webhook.secrets import PURPOSE, WebhookSecrets
from clients.webhook.sender import Sender, Sent
from clients.webhook.store import WebhookStore
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import UnavailableError
from schemas.security.access import EVERY, RecordScope
from schemas.settings.webhook import WebhookSettings
from transforms.webhook.addresses import url_refusal
from transforms.webhook.message import message_id, trial_body
from transforms.webhook.sign import signed_headers
from workers.addresses import operational_address, s3_address
from workers.settings import Settings

_LOG = logging.getLogger(__name__)
LATEST, FIRST = "latest", "first"
NO_FEED = (
    "This warehouse is Redshift, which has no change feed, so there are no webhooks. Set TIDEGATE_READ_COPY__DSN "
    "to a PostgreSQL database for a read copy, and run `tidegate migrate`; docs/redshift.md has the steps."
)


class WrongWebhookError(ValueError):
    """A part of the request is wrong; `part` is its name."""

    def __init__(self, part: str, message: str) -> None:
        self.part = part
        super().__init__(message)


@contextmanager
def webhook_control(settings: Settings) -> Iterator[WebhookControl]:
    """The control, until left. It connects at its first use."""
    store = WebhookStore(operational_address(settings.operational))
    try:
        yield WebhookControl(store, webhook_secrets(settings))
    finally:
        store.close()


def webhook_secrets(settings: Settings) -> WebhookSecrets:
    """Seals and opens the secrets of an engine's webhooks."""
    return WebhookSecrets(PurposeKeys(s3_address(settings.s3), settings.salesforce.org_id, PURPOSE))


def checked_records(catalogue: Catalogue, objects: Sequence[str], decrypt: Sequence[str]) -> RecordScope:
    """Check the scope of a webhook, and return it. Raises `WrongWebhookError`."""
    names = tuple(dict.fromkeys(objects))
    if not names or EVERY in names:
        raise WrongWebhookError("objects", "name the objects one by one; each has a feed of its own")
    for name in names:
        if name not in catalogue.objects:
            raise WrongWebhookError("objects", f"{name} is no object of the catalogue")
    for each in decrypt:
        owner, _, field = each.partition(".")
        spec = catalogue.objects.get(owner) if owner in names else None
        if spec is None or field not in spec.fields or not spec.fields[field].is_protected:
            raise WrongWebhookError("decrypt", f"{each} is no protected field of {', '.join(names)}")
    return RecordScope(objects=names, decrypt=tuple(dict.fromkeys(decrypt)))


def checked_url(settings: WebhookSettings, url: str) -> str:
    """Check the URL, and return it. Raises `WrongWebhookError`. Its name is looked up at each
    connection.
    """
    if refusal := url_refusal(url, allow_http=settings.allow_http, networks=settings.networks):
        raise WrongWebhookError("url", refusal)
    return url


async def places(feed: ChangeFeed, specs: Sequence[ObjectSpec], after: str) -> dict[str, Place]:
    """Where the feeds of these objects begin.

    Args:
        feed: Of the warehouse.
        specs: The objects.
        after: `latest` = changes from now on; `first` or "" = all that are kept; a time in ISO
            8601, UTC where it names no zone; or, for one object, a cursor of its feed.

    Raises:
        WrongWebhookError: It is none of these.
    """
    if after == LATEST:
        return {spec.name: await feed.latest(spec) for spec in specs}
    place = _place(after)
    if place.change_order and len(specs) > 1:
        raise WrongWebhookError("after", "a cursor is of one object: name the object, or give a time")
    return {spec.name: place for spec in specs}


def _place(after: str) -> Place:
    if after in ("", FIRST):
        return BEGINNING
    try:
        return Place.parse(after)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(after)
    except ValueError:
        told = "it is no cursor of the feed, no time as 2026-11-24T10:00Z, and neither `latest` nor `first`"
        raise WrongWebhookError("after", told) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Place(at.replace(microsecond=at.microsecond // 1_000 * 1_000))


async def send_trial(settings: Settings, name: str, url: str, keys: Sequence[bytes]) -> Sent:
    """Send one signed message without a record, and return the receiver's answer."""
    now = datetime.now(UTC)
    body = trial_body(name, now)
    number = message_id(settings.salesforce.org_id, name, now.isoformat())
    sender = Sender(settings.webhook)
    try:
        return await sender.send(url, signed_headers(keys, number, int(time.time()), body), body)
    finally:
        await sender.close()


async def started(client: Client, org: str, name: str) -> bool:
    """Have the workflow of an active webhook run, and look at once; False = Temporal does not
    answer, and a worker starts it within a minute of its return.
    """
    try:
        await start_webhook(client, org, name, wakes=True)
    except (UnavailableError, RPCError) as error:
        _LOG.warning("the webhook %s is not started yet: %s", name, error)
        return False
    return True
