"""Callers of the HTTP API, and their permissions."""

from enum import StrEnum

from schemas.message import Message


class CallerRole(StrEnum):
    """Permissions of a caller."""

    READER = "reader"
    """Look at everything; change nothing."""
    OPERATOR = "operator"
    """All that there is but erasures, the other roles' parts included."""
    WRITER = "writer"
    """Submit writebacks and look at its own, and nothing else: for outside systems."""
    GUEST = "guest"
    """Lease tokens, and nothing else: for other teams' integrations."""
    ERASER = "eraser"
    """Erase records, and look: for who answers for personal data."""

    def includes(self, needed: "CallerRole") -> bool:
        """True when a caller with this role may do what needs the other one."""
        if self is CallerRole.ERASER or needed is CallerRole.ERASER:
            # Nobody has it by the way: what is erased cannot be brought back.
            return self is needed or (self is CallerRole.ERASER and needed is CallerRole.READER)
        return self in (needed, CallerRole.OPERATOR)


OUR_NAMES = frozenset({"planner", "schedule", "unknown"})
"""Names used as `by` for the engine's own acts: no caller may have one of them."""


class Caller(Message):
    """Somebody whose token was accepted."""

    name: str
    """Goes on record as `by`: the token's name, or `oidc:` and the subject of a signed token."""
    role: CallerRole
