"""When the next login may be tried: one rule for every caller of a process.

A refused login counts against the user: Salesforce locks one after some of them. So callers share
an attempt and its error, and the time between two attempts doubles.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.errors import CredentialsRejectedError, TidegateError, UnavailableError

_FIRST_SECONDS = 1.0
_LONGEST_REFUSED = 300.0
"""Seconds between two attempts while Salesforce refuses who we are."""
_LONGEST_AWAY = 30.0
"""Seconds between two attempts while the login server does not answer: that locks nobody, and lanes
have two minutes.
"""
REFUSALS_BEFORE_REJECTED = 3
"""Refused logins in a row after which a session that worked before counts as rejected."""


@dataclass(frozen=True)
class RefusedLogin:
    """Salesforce refuses who we are."""

    reason: str
    since: datetime
    """The first refusal in a row, by this process's clock."""


class LoginBackoff:
    """The attempts so far. Times are monotonic."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        """`clock`: monotonic seconds; None = the machine's."""
        self._clock = clock or time.monotonic
        self._failed = 0
        self._refused = 0
        self._refused_since: datetime | None = None
        self._tried_at = 0.0
        self._next_at = 0.0
        self._error: TidegateError | None = None
        self._has_worked = False
        self._is_wanted = False

    @property
    def refused(self) -> RefusedLogin | None:
        """The refusal in force; None: the last login was not refused, or the next try may work."""
        if self._refused_since is None or not isinstance(self._error, CredentialsRejectedError):
            return None
        return RefusedLogin(str(self._error), self._refused_since)

    async def wait(self) -> None:
        """Return when another attempt may be made; raise the last one's error when it is too early
        for one. An attempt that an operator wants is waited for.
        """
        early = self._next_at - self._clock()
        if self._error is None or early <= 0:
            return
        if not self._is_wanted:
            raise self._error.with_traceback(None)
        await asyncio.sleep(early)

    def worked(self) -> None:
        """A login succeeded."""
        self._failed, self._refused, self._error = 0, 0, None
        self._refused_since = None
        self._has_worked, self._is_wanted = True, False

    def failed(self, error: TidegateError) -> TidegateError:
        """A login failed; returns the error for its callers.

        A login that worked before is given two more attempts: a refusal can be a moment's.
        """
        self._is_wanted = False
        is_refused = isinstance(error, CredentialsRejectedError)
        self._refused = self._refused + 1 if is_refused else 0
        self._refused_since = (self._refused_since or datetime.now(UTC)) if is_refused else None
        longest = _LONGEST_REFUSED if is_refused else _LONGEST_AWAY
        self._tried_at = self._clock()
        self._next_at = self._tried_at + min(longest, _FIRST_SECONDS * 2**self._failed)
        self._failed += 1
        if is_refused and self._has_worked and self._refused < REFUSALS_BEFORE_REJECTED:
            count = f"refusal {self._refused} of {REFUSALS_BEFORE_REJECTED}"
            error = UnavailableError(system="Salesforce's login", detail=f"{count}: {error}")
        self._error = error
        return error

    def allow_now(self) -> None:
        """An operator has acted: the next attempt is at once, or a second after the last one, so
        that lanes which are resumed together share it.
        """
        self._next_at = min(self._next_at, self._tried_at + _FIRST_SECONDS)
        self._is_wanted = True
