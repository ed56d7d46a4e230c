"""Who did something, and how that is known: travels beside an act, and is stored with it."""

from enum import StrEnum
from typing import Final

from schemas.message import Message
from schemas.security.words import Words


class Door(StrEnum):
    """The way by which an act came in."""

    HTTP = "http"
    """The HTTP API or the console: the caller's token was checked."""
    COMMAND = "command"
    """The `tidegate` command: it knows the user of the operating system, and nothing is checked."""
    ENGINE = "engine"
    """A process of the engine by itself."""
    SCHEDULE = "schedule"
    """A schedule of Temporal's."""
    TEMPORAL = "temporal"
    """Another client of Temporal."""


class Proof(Message):
    """An HMAC by a process that holds the acts' key: it names who acts, on what, and once."""

    key_id: str
    nonce: str
    """Random; a proof that comes twice proves nothing the second time."""
    issued_at: str
    """ISO 8601, UTC."""
    mac: str
    """HMAC-SHA-256, hex."""


class Origin(Message):
    """How an act came in, and what is known of its author."""

    door: Door = Door.TEMPORAL
    user: Words = ""
    """The user of the operating system, as a command found it. Claimed."""
    host: Words = ""
    """The machine, as a command found it. Claimed."""
    identity: Words = ""
    """The client as it named itself to Temporal. Claimed."""
    principal: Words = ""
    """The client as Temporal's server authenticated it; empty where the server does not."""
    target: str = ""
    """The workflow that was asked, or the act's own target."""
    operation: str = ""
    """`start`, `signal pause`, `update move_position`, or the act's own name."""
    content: str = ""
    """SHA-256 of what was asked, hex."""
    proof: Proof | None = None
    verified: bool = False
    """The author is proven. Set by the process that writes the record, never by the one that
    asks.
    """
    doubt: str = ""
    """Why the author is not proven; empty = proven."""


OWN_NAMES: Final = frozenset(
    {"planner", "schedule", "tidegate", "hand-over", "a call that was refused", "the engine"}
)
"""Names under which the engine acts by itself."""


def author(by: str, origin: Origin | None) -> str:
    """The author as people are shown it: a name that is only claimed is marked as such."""
    if origin is not None and origin.verified:
        return by
    known = [] if origin is None else _known(origin)
    return f"{by} (unverified{': ' if known else ''}{', '.join(known)})"


def _known(origin: Origin) -> list[str]:
    facts = [
        f"Temporal authenticated {origin.principal}" if origin.principal else "",
        f"user {origin.user} on {origin.host}" if origin.user else "",
        f"client {origin.identity}" if origin.identity else "",
    ]
    return [each for each in facts if each]
