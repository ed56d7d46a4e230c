"""Webhooks as a look at the engine finds them."""

from pydantic import AwareDatetime

from schemas.message import Message
from schemas.webhook.messages import WebhookState


class WebhookStanding(Message):
    """One webhook."""

    name: str
    state: WebhookState
    because: str
    changed_at: AwareDatetime
    delivered_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    failure: str
    through: AwareDatetime | None
    """Changes that were applied before this time were taken, are held, or are dead letters, in each
    of its feeds. None = it has none.
    """
    held: int
    dead: int
