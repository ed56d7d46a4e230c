"""Settings of the reporting model, and of exports for other engines."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from schemas.settings.base import SettingsGroup


class ModelSettings(SettingsGroup):
    """The reporting model, which dbt builds beside the curated tables."""

    on: bool = False
    """True = keep a Temporal schedule of builds. False = remove it; `tidegate model build` still
    works.
    """
    interval: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1))
    """Time between two builds. A build that still runs has the next one left out."""
    dbt: Path | None = None
    """The program `dbt`, in an environment with dbt-postgres or dbt-redshift. None = that of
    `.venv-clients/model`, else the one on `PATH`.
    """
    database_schema: str = Field(default="model", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Schema of facts, dimensions and metrics. Staging and masked views are in schemas that begin
    with it.
    """
    threads: int = Field(default=2, ge=1, le=32)
    """Models that are built at once, each over a connection of its own. On PostgreSQL each takes a
    processor.
    """
    overlap: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1))
    """A build takes again what arrived within this time before the last build began. It must be
    longer than any transaction that applies a batch.
    """
    readers: tuple[str, ...] = ()
    """JSON list of database roles that may read facts, metrics and masked views."""
    stewards: tuple[str, ...] = ()
    """JSON list of database roles that may also read dimensions with tokens of PII."""
    freshness_warning: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1))
    """Age of the ledger's newest row that `tidegate model test --freshness` warns of. An org in
    which nothing changes for so long warns, too.
    """
    freshness_error: timedelta = Field(default=timedelta(hours=6), ge=timedelta(minutes=1))
    """Age of the ledger's newest row that fails it."""


class ExportSettings(SettingsGroup):
    """Copies of curated tables as Parquet, which other engines read."""

    on: bool = False
    """True = keep a Temporal schedule of exports. False = remove it; `tidegate warehouse export`
    still works.
    """
    where: str | None = None
    """Folder, or `s3://BUCKET/PREFIX`, that files are written to, with the AWS credentials of the
    role `backfill`. Each process of that role must reach the same folder. Required with `ON`.
    None = none.
    """
    interval: timedelta = Field(default=timedelta(hours=1), ge=timedelta(minutes=1))
    """Time between two exports. An export that still runs has the next one left out."""
    objects: tuple[str, ...] = ()
    """JSON list of objects that are exported. Empty = all of the catalogue."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.on and not self.where:
            raise ValueError("where is missing: on needs a folder, or s3://BUCKET/PREFIX")
        scheme, is_url, _ = (self.where or "").partition("://")
        if is_url and scheme != "s3":
            raise ValueError(f"where takes a folder or s3://BUCKET/PREFIX, not {scheme}://")
        return self
