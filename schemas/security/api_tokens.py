"""Tokens of the HTTP API that the operational store keeps, as hashes."""

from datetime import datetime

from pydantic import Field

from schemas.message import Message
from schemas.security.access import ANYTHING, NO_RECORDS, CallerRole, RecordScope, WriterScope
from schemas.settings.api import CALLER_NAME

TOKEN_PREFIX = "tg_"  # noqa: S105 -- the beginning of every token that we make
MOST_DAYS = 366
"""Days for which a token may be good: it is replaced once a year at least."""
TOKENS_READ_SECONDS = 5.0
"""A token that is made or withdrawn counts in every API process after this time at most."""
TOKENS_TRUSTED_SECONDS = 300.0
"""The tokens that were last read are believed for this long while the store does not answer."""


class StoredToken(Message):
    """One token."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(pattern=CALLER_NAME)
    role: CallerRole
    writer: WriterScope = ANYTHING
    records: RecordScope = NO_RECORDS
    made_at: datetime
    made_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    """None = it was not withdrawn."""
    revoked_by: str | None = None

    def is_good(self, now: datetime) -> bool:
        """True until it expires or is withdrawn."""
        return self.revoked_at is None and now < self.expires_at

    def state(self, now: datetime) -> str:
        """`good`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "good" if now < self.expires_at else "expired"
