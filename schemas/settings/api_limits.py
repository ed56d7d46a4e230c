"""Limits of the HTTP API against slow, large and many requests."""

from datetime import timedelta

from pydantic import Field

from schemas.settings.base import SettingsGroup


class ApiLimits(SettingsGroup):
    """The most that one process of the API takes from its callers."""

    header_bytes: int = Field(default=32 * 1024, ge=4 * 1024, le=1024 * 1024)
    """Bytes of a request's line and headers. More are answered 431."""
    header_time: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """Time in which the headers must be complete, from the connection's start or their first
    byte.
    """
    body_time: timedelta = Field(default=timedelta(seconds=60), gt=timedelta(0))
    """Time in which a body must be complete. A slower one is answered 408."""
    idle_time: timedelta = Field(default=timedelta(seconds=5), ge=timedelta(seconds=1))
    """Time for which a connection without a request is kept open."""
    read_time: timedelta = Field(default=timedelta(seconds=60), gt=timedelta(0))
    """Time in which a caller must take what waits to be sent to it."""
    connections: int = Field(default=500, ge=10)
    """Connections at once. One more ends the one that has waited longest without a request."""
    requests: int = Field(default=200, ge=1)
    """Requests of callers with a token at once. More are answered 503."""
    requests_of_caller: int = Field(default=50, ge=1)
    """Requests of one caller at once. More are answered 429."""
    bodies_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    """Bytes of all bodies that are held at once. More are answered 503."""
    json_values: int = Field(default=1_000_000, ge=1_000)
    """Values in one JSON body, counted by its commas and brackets. More are answered 413."""
    files: int = Field(default=2, ge=1)
    """Files of writebacks that are read at once. More wait, and are answered 503 after a while."""
    refusals: int = Field(default=10, ge=1)
    """Requests without a good token, of one address in a minute. More are answered 429."""
