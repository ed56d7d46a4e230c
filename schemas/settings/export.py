"""Settings of scheduled exports."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from schemas.settings.base import SettingsGroup


class ExportSettings(SettingsGroup):
    """Copies of curated tables as Parquet, which other engines read."""

    on: bool = False
    """True = keep a Temporal schedule of exports. False = remove it; `tidegate warehouse export`
    still works.
    """
    where: str | None = None
    """Folder, or `s3://BUCKET/PREFIX`, that files are written to, with the AWS credentials of the
    role `backfill`. Each process of that role must reach the same folder. Required with `ON`. None =
    none.
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
