"""How the read copy stands, for a look at the engine."""

from pydantic import AwareDatetime

from schemas.message import Message


class CopiedObject(Message):
    """How an object stands in the read copy."""

    object: str
    filled_at: AwareDatetime | None
    """None: its first fill has not ended."""
    checked_at: AwareDatetime | None
    """When it was last compared with the warehouse. None: never."""
    differs: str | None
    """How it differs from the warehouse. None: it does not, as far as is known."""
    newest_change_at: AwareDatetime | None
    """Of the last day. None: nothing was applied."""


class CopyFacts(Message):
    """The read copy's answer."""

    is_set: bool = False
    """True = the settings name a read copy."""
    objects: tuple[CopiedObject, ...] | None = None
    """None: there is no read copy, or it did not answer."""
