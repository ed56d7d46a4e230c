"""Settings of worker versioning: releases that run side by side."""

from typing import Final

from pydantic import Field, field_validator

from schemas.settings.base import SettingsGroup

COMMIT_VARIABLE: Final = "TIDEGATE_COMMIT"
"""Environment variable in which an image names the commit that it was built from."""


class DeploymentSettings(SettingsGroup):
    """The Worker Deployment of Temporal that this engine's workers are a version of."""

    on: bool = False
    """True = workers take the work of their own version, and `tidegate deployment set-current`
    moves the work to a new one. Old workers must then run beside the new ones. False = any
    worker takes any work, as where all workers are replaced at once.
    """
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,100}$")
    """Name of the deployment. None = `tidegate-ORG`, with the org's ID."""
    build_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.+-]{1,100}$")
    """Version of these workers. None or empty = the commit that the image was built from."""

    @field_validator("name", "build_id", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # Compose and Terraform hand over an empty text where a variable is not set.
        return None if value == "" else value
