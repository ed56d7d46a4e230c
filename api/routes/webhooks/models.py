"""Requests and answers about webhooks."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.runs.models import Reason
from schemas.settings.api import CALLER_NAME
from schemas.webhook.limits import LONGEST_OVERLAP, LONGEST_URL, OVERLAP
from schemas.webhook.messages import HeldChange, WebhookView

_HOUR = 3_600
_MOST_CHOSEN = 1_000
AFTER = (
    "`latest` = what is applied from now on; `first` = the first change that is kept; a time in ISO 8601 = what was applied "
    "from then on; or, for one object, a cursor of its feed."
)


class NewWebhook(Reason):
    """A webhook to be added."""

    name: str = Field(pattern=CALLER_NAME, examples=["billing"])
    url: str = Field(max_length=LONGEST_URL, examples=["https://hooks.example.org/tidegate"])
    objects: tuple[str, ...] = Field(
        min_length=1,
        max_length=200,
        description="API names. The caller must be allowed to read them.",
        examples=[["Case"]],
    )
    decrypt: tuple[str, ...] = Field(
        default=(),
        max_length=200,
        description="Protected fields, as `Contact.Email`, that it gets in plaintext. The caller must be allowed to, too.",
    )
    after: str = Field(default="latest", max_length=100, description=AFTER)


class Rotation(Reason):
    """Another secret."""

    overlap_hours: float = Field(
        default=OVERLAP.total_seconds() / _HOUR,
        ge=0,
        le=LONGEST_OVERLAP.total_seconds() / _HOUR,
        description="How long the present secret signs beside the new one. 0 = it ends at once.",
    )


class Replayed(Reason):
    """Where to go on from."""

    after: str = Field(max_length=100, description=AFTER)
    object: str = Field(default="", max_length=80, description='API name. "" = every object of the webhook.')


class ChosenLetters(Reason):
    """Dead letters."""

    cursors: tuple[Annotated[str, Field(max_length=100)], ...] = Field(
        default=(), max_length=_MOST_CHOSEN, description="As they are listed. Left out: all of them."
    )


class Webhooks(BaseModel):
    """Every webhook, by name."""

    webhooks: list[WebhookView]


class WebhookSecret(BaseModel):
    """A webhook and its new secret."""

    webhook: WebhookView
    secret: str
    """`whsec_` and the key in base64. It is shown once."""


class DeadLetters(BaseModel):
    """Changes that are not tried again by themselves, by object and place."""

    dead_letters: list[HeldChange]


class LettersChanged(BaseModel):
    """The number of dead letters that were dealt with."""

    changes: int
    """0: none was chosen, and nothing is on record."""


class Trial(BaseModel):
    """A receiver's answer to a message without a record."""

    taken: bool
    reason: str
    """Why it was not taken; empty when it was."""
    seconds: float
