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


def moved_reading(reading: Reading, ahead: timedelta, now: datetime) -> Reading:
    """The reading on our clock, not later than it was made: what was spent since counts twice
    rather than not at all.

    Args:
        reading: By the sender's clock.
        ahead: As of `ahead_by`.
        now: Ours when the message is here. A reading from later says that the sender's clock was
            set between the reading and the message; it was made before.
    """
    at = reading.at - ahead - ON_ITS_WAY if ahead else reading.at
    if at > now + ON_ITS_WAY:
        at = now - ON_ITS_WAY
    return reading.model_copy(update={"at": at})


def moved_refusal(refusal: Refusal, ahead: timedelta, now: datetime) -> Refusal:
    """The refusal on our clock, not before it happened: it holds for its whole time. `now`: as of
    `moved_reading`.
    """
    at = refusal.at - ahead
    return refusal.model_copy(update={"at": now if at > now + ON_ITS_WAY else at})
