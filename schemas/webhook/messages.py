"""A webhook as it is stored, and what its workflow and its activity tell each other."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.message import Message
from schemas.security.access import RecordScope
from schemas.settings.api import CALLER_NAME
from schemas.webhook.limits import LONGEST_URL


class WebhookState(StrEnum):
    """The state of a webhook."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By an operator."""
    DISABLED = "disabled"
    """By the engine: the receiver answered 410, took nothing for days, or a cursor is too old."""


class Webhook(Message):
    """One webhook. Its secrets are not in it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str = Field(pattern=CALLER_NAME)
    url: str = Field(max_length=LONGEST_URL)
    """Where messages are posted to."""
    records: RecordScope
    """The objects whose changes it gets, and the protected fields that it gets in plaintext."""
    state: WebhookState
    because: str = ""
    """Why it is not active; empty when it is."""
    version: int
    """Changes with each act of an operator, so that a delivery under way ends."""
    made_by: str
    made_at: AwareDatetime
    changed_by: str
    """Of the last change of `state`, or replay."""
    changed_at: AwareDatetime
    delivered_at: AwareDatetime | None = None
    """When the receiver last took a change. None = never."""
    failing_since: AwareDatetime | None = None
    """Since when it has taken no change that was posted. None = it takes them."""
    failure: str = ""
    """Why the last one was not taken."""


class WebhookCursor(Message):
    """How far a webhook has got in the feed of one object."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: str
    cursor: str
    """As of `/v1/changes`: changes up to here were taken, are held, or are dead letters."""
    through: AwareDatetime
    """Changes that were applied before this time were taken, are held, or are dead letters."""


class HeldState(StrEnum):
    """The state of a change that was not taken."""

    HELD = "held"
    """It is tried again, and later changes of its record wait behind it."""
    DEAD = "dead"
    """A dead letter: it is not tried again by itself, and nothing waits for it."""


class HeldChange(Message):
    """A change that a receiver did not take. It names the change; values are in the change log."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: str
    cursor: str
    """The change's own, as of `/v1/changes`."""
    record_id: str
    state: HeldState
    attempts: int
    """0 = it waits behind another change of its record."""
    failed_at: AwareDatetime | None
    """Of the first attempt. None = there was none."""
    next_try_at: AwareDatetime
    reason: str
    """Of the last attempt; empty before the first."""
    dead_at: AwareDatetime | None = None


class WebhookView(Message):
    """A webhook, its cursors and its counts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    webhook: Webhook
    cursors: tuple[WebhookCursor, ...]
    held: int
    """Changes that are tried again."""
    dead: int
    """Dead letters."""


class WebhookInput(Message):
    """Starts the workflow of a webhook, and carries it over to its next run."""

    org: str
    name: str
    failures: int = 0
    """Deliveries in a row that ended because the receiver fails."""


class DeliverInput(Message):
    """Asks for deliveries until the activity's time is over or the receiver fails."""

    org: str
    name: str
    failures: int = 0
    """As of `WebhookInput`."""


class Delivered(Message):
    """The outcome of one delivery."""

    taken: int = 0
    """Changes that the receiver has taken."""
    held: int = 0
    """Changes that it has not taken, and that are tried again."""
    failure: str = ""
    """Why the receiver fails; empty when it does not."""
    wait: timedelta = timedelta(0)
    """Until the next delivery."""
    is_over: bool = False
    """True = the webhook is not active, or there is none of that name."""
