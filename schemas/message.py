"""The base of what travels through Temporal."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Frozen, and strict about names, so that a misspelt input fails at the start and not at midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True)
