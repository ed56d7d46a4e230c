"""Settings of the health endpoints of a worker."""

from pydantic import Field

from schemas.settings.base import SettingsGroup


class HealthSettings(SettingsGroup):
    """`/livez` and `/readyz` of a worker process. The API has its own at its port."""

    port: int | None = Field(default=None, ge=0, le=65_535)
    """Port to listen on. 0 or None = no endpoint."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no token: the answers hold no data of the org."""
