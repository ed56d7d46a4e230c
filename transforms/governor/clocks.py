"""The times of other processes, on the governor's clock.

A process tells when it read the org's count, and when the org refused it, by its own clock. That
clock may be minutes off. A refusal from the past would pause nobody, and a reading from the future
would hide all that come after it. So a process also tells its time as it sends, and what it says is
moved by the difference.
"""

from datetime import datetime, timedelta

from schemas.governor import Reading, Refusal

ON_ITS_WAY = timedelta(seconds=60)
"""A message takes no longer. Where the times differ by less, the difference may be its way."""


def ahead_by(sent_at: datetime | None, now: datetime) -> timedelta:
    """How far a sender's clock is ahead of ours; negative when it is behind.

    Args:
        sent_at: Its time when it sent; None = an older release, which does not say.
        now: Ours when the message is here.

    Returns:
        0 when the clocks agree, as far as anybody can tell.
    """
    difference = timedelta(0) if sent_at is None else sent_at - now
    return difference if abs(difference) > ON_ITS_WAY else timedelta(0)


def moved_reading(reading: Reading, ahead: timedelta) -> Reading:
    """The reading on our clock, not later than it was made: what was spent since counts twice
    rather than not at all.
    """
    return reading.model_copy(update={"at": reading.at - ahead - ON_ITS_WAY}) if ahead else reading


def moved_refusal(refusal: Refusal, ahead: timedelta) -> Refusal:
    """The refusal on our clock, not before it happened: it holds for its whole time."""
    return refusal.model_copy(update={"at": refusal.at - ahead}) if ahead else refusal
