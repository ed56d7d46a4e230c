"""The meaning of a receiver's answer, and when to try again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from schemas.webhook.limits import LONGEST_PAUSE, LONGEST_WAIT, MOST_RETRY_AFTER

_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_GROWTH = 3
_SPREAD = 0.2
"""Waits are up to a fifth longer, so that failures of one moment are not tried again in one
moment.
"""


class Outcome(StrEnum):
    """The outcome of a message."""

    TAKEN = "taken"
    """2xx."""
    FAILED = "failed"
    """Another status, or none."""
    BUSY = "busy"
    """429 or 503 with `Retry-After`: send nothing before."""
    GONE = "gone"
    """410: send nothing any more."""


@dataclass(frozen=True)
class Answer:
    """A receiver's answer to a message, or its silence."""

    outcome: Outcome
    reason: str = ""
    """For people: `it answered 500`. Never what the receiver wrote, which may quote the message."""
    retry_after: timedelta | None = None
    """Of a busy one."""


def answer_of(status: int, retry_after: str | None, now: datetime) -> Answer:
    """The meaning of a status. `retry_after`: the header; None = there is none."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(Outcome.TAKEN)
    reason = f"it answered {status}"
    if status == HTTPStatus.GONE:
        return Answer(Outcome.GONE, reason)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Answer(Outcome.FAILED, f"{reason}, and redirects are not followed")
    wait = _wait_of(retry_after, now) if status in _BUSY else None
    return Answer(Outcome.FAILED, reason) if wait is None else Answer(Outcome.BUSY, reason, wait)


def _wait_of(header: str | None, now: datetime) -> timedelta | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None = it says nothing that can be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        seconds = min(int(text[:9]), MOST_RETRY_AFTER.total_seconds())
        return timedelta(seconds=seconds)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - now, MOST_RETRY_AFTER))


def wait_after(
    attempts: int, first: timedelta, chance: float, *, most: timedelta = LONGEST_WAIT
) -> timedelta:
    """How long to wait after so many attempts. With a `first` of 5 s: 5 s, 15 s, 45 s, 135 s …
    `most`, and a part of a fifth.

    Args:
        attempts: 1 or more.
        first: After the first one.
        chance: From 0 to 1; how much of the fifth.
        most: Before the fifth.
    """
    factor: int = _GROWTH ** min(max(attempts, 1) - 1, 12)
    return min(first * factor, most) * (1 + _SPREAD * chance)


def pause_after(failures: int, first: timedelta, chance: float) -> timedelta:
    """How long to post nothing to a receiver after so many failures in a row."""
    return wait_after(failures, first, chance, most=LONGEST_PAUSE)
