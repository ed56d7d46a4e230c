"""Settings of traces: where spans are sent, how many, and where a trace can be looked at."""

from pydantic import Field

from schemas.settings.base import SettingsGroup


class TelemetrySettings(SettingsGroup):
    """Traces by OpenTelemetry, sent as OTLP over HTTP. They hold no value of a record."""

    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """Base URL of an OTLP receiver, such as `http://127.0.0.1:4318`; spans go to `/v1/traces` below
    it. None = no spans are made.
    """
    trace_url: str | None = Field(default=None, pattern=r"^https?://\S*\{trace_id\}\S*$")
    """URL of a trace's page in the tool that shows traces, with `{trace_id}` in it. None = no
    links in output.
    """
    sample_batches: float = Field(default=1.0, ge=0, le=1)
    """Share of lane batches, writeback batches and runs that are traced."""
    sample_pages: float = Field(default=0.02, ge=0, le=1)
    """Share of the pages of backfills, repairs and refreshes that are traced."""
    sample_writes: float = Field(default=1.0, ge=0, le=1)
    """Share of API requests other than GET that are traced when the caller sends no trace."""
    sample_reads: float = Field(default=0.05, ge=0, le=1)
    """Share of GET requests that are traced when the caller sends no trace."""

    def url_of(self, trace_id: str) -> str | None:
        """Page of a trace; None when no page is configured."""
        return None if self.trace_url is None else self.trace_url.replace("{trace_id}", trace_id)
