"""Callers of the HTTP API, and their permissions."""

from enum import StrEnum

from schemas.acting import OWN_NAMES
from schemas.message import Message


class CallerRole(StrEnum):
    """Permissions of a caller."""

    READER = "reader"
    """Look at everything; change nothing."""
    AUDITOR = "auditor"
    """As a reader; it also sees the payloads of Temporal's histories."""
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
        if self is CallerRole.AUDITOR:
            return needed in (CallerRole.AUDITOR, CallerRole.READER)
        return self in (needed, CallerRole.OPERATOR)


OUR_NAMES = frozenset(name for name in OWN_NAMES if " " not in name) | {"unknown"}
"""Names used as `by` for the engine's own acts: no caller may have one of them."""


class Caller(Message):
    """Somebody whose token was accepted."""

    name: str
    """Goes on record as `by`: the token's name, or `oidc:` and the subject of a signed token."""
    role: CallerRole
