"""The tokens of the operational store as a process of the API knows them: read again every few
seconds, so that none has to restart.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from clients.database.api_tokens import ApiTokens
from schemas.errors import UnavailableError
from schemas.security.access import CallerRole
from schemas.security.api_tokens import TOKENS_READ_SECONDS, TOKENS_TRUSTED_SECONDS, StoredToken

PATIENCE_SECONDS = 2.0
"""Requests wait this long for the first reading; later they never wait."""
PATIENCE_FOR_STORED_SECONDS = 10.0
"""As above, with a token that only the store can know."""


class KeptTokens:
    """One process's view of the store's tokens."""

    def __init__(self, tokens: Callable[[], ApiTokens | None]) -> None:
        """`tokens` gives None before the API has started."""
        self._tokens = tokens
        self._by_hash: Mapping[str, StoredToken] | None = None
        self._asked_at = self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def fresh(self, patience: float = PATIENCE_SECONDS) -> None:
        """Have the store read when it is time. Waits for the first reading only, `patience` seconds
        at most.
        """
        now = time.monotonic()
        if self._reading is None and now - self._asked_at >= TOKENS_READ_SECONDS:
            self._asked_at = now
            self._reading = asyncio.create_task(self._read())
        if self._by_hash is None and self._reading is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._reading), patience)

    def find(self, sha256: str) -> StoredToken | None:
        """The token of a hash, good or not; None for an unknown one. Every hash is compared, so
        that time tells nothing.

        Raises:
            UnavailableError: The store has not been read for minutes, or not at all.
        """
        if self._by_hash is None or time.monotonic() - self._read_at > TOKENS_TRUSTED_SECONDS:
            raise UnavailableError(
                system="the operational store", detail="the API's tokens could not be read from it"
            )
        found = None
        for known, token in self._by_hash.items():
            if hmac.compare_digest(known, sha256):
                found = token
        return found

    def is_revoked(self, sha256: str) -> bool:
        """True when a token was withdrawn, as far as is known."""
        found = (self._by_hash or {}).get(sha256)
        return found is not None and found.revoked_at is not None

    def role_of(self, name: str) -> CallerRole | None:
        """The role of the good token of that name; None = there is none, as far as is known."""
        now = datetime.now(UTC)
        good = (each for each in (self._by_hash or {}).values() if each.name == name and each.is_good(now))
        return next((each.role for each in good), None)

    async def _read(self) -> None:
        try:
            tokens = self._tokens()
            if tokens is None:
                return
            found = await asyncio.to_thread(tokens.all)
            self._by_hash = {each.sha256: each for each in found}
            self._read_at = time.monotonic()
        except UnavailableError:
            return
        finally:
            self._reading = None
