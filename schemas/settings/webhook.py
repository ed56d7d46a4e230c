"""Settings of webhooks."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field

from schemas.settings.base import SettingsGroup


class WebhookSettings(SettingsGroup):
    """How changes are posted to receivers."""

    timeout: timedelta = Field(
        default=timedelta(seconds=15), ge=timedelta(milliseconds=100), le=timedelta(minutes=1)
    )
    """Longest time of one request, from the first look-up of its address to the answer's status."""
    at_once: int = Field(default=16, ge=1, le=100)
    """Requests that one receiver gets at the same time. Changes of one record are never sent side
    by side.
    """
    first_wait: timedelta = Field(
        default=timedelta(seconds=5), ge=timedelta(milliseconds=10), le=timedelta(minutes=2)
    )
    """Time until the second try of a change. Each later one takes three times as long, up to 30
    minutes, and up to a fifth more; of a receiver that takes nothing, up to two minutes.
    """
    dead_after: timedelta = Field(default=timedelta(hours=24), ge=timedelta(0))
    """A change that is refused for so long becomes a dead letter, and later ones of its record go
    on. 0 = after the second attempt.
    """
    disable_after: timedelta = Field(default=timedelta(days=5), ge=timedelta(minutes=1))
    """A webhook whose receiver has taken nothing for so long is disabled. Its cursor stays."""
    allow_http: bool = False
    """True = URLs may begin with http://, so that messages travel in plaintext."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """JSON list of networks, as `10.20.0.0/16`, that receivers may be in. Every public address is
    allowed; loopback, private and link-local addresses only when they are in one of these.
    """
