"""The bases of what travels through Temporal."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Frozen, and strict about names, so that a misspelt input fails at the start and not at
    midnight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Counts(Message):
    """Numbers of which those of two pieces of work can be put together."""

    def plus(self, other: Self) -> Self:
        """The sum, field by field."""
        return type(self)(
            **{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields}
        )

    def minus(self, other: Self) -> Self:
        """The difference, field by field."""
        return type(self)(
            **{name: getattr(self, name) - getattr(other, name) for name in type(self).model_fields}
        )
