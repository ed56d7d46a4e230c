"""Settings of the metrics that each process serves."""

from pydantic import Field

from schemas.settings.base import SettingsGroup


class MetricsSettings(SettingsGroup):
    """Prometheus metrics of a process: its own at `/metrics` of a port, those of the Temporal SDK
    on the next one. Each process of a machine needs ports of its own.
    """

    port: int | None = Field(default=None, ge=0, le=65_534)
    """Port for the process's own metrics. 0 or None = none are served."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no token: let only Prometheus reach it."""
