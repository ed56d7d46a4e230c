"""The pulse of a lane's follower, which it sends with its heartbeats. It distinguishes "nothing
new" from "nothing heard", and nobody has to ask the follower for it.

It is the last of a heartbeat's details, as JSON. The first one is the position, as ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clients.salesforce.login_backoff import RefusedLogin
from clients.temporal.lane_facts import pulse_of
from schemas.status_facts import LanePulse

OPENING, LISTENING, READING, LANDING = "opening", "listening", "reading", "landing"


@dataclass
class Pulse:
    """The pulse of one follower. Times are of this process's clock."""

    channel: str
    """The channel, or the object that is polled."""
    silence: timedelta
    """As of `LanePulse`."""
    heard_at: datetime | None = None
    received_at: datetime | None = None
    position_at: datetime | None = None
    landed_at: datetime | None = None
    buffered: int = 0
    landing_since: datetime | None = None
    """As of `LanePulse`. An attempt that hangs while it lands is ended, and the next one hangs."""
    refused_login: Callable[[], RefusedLogin | None] = lambda: None
    """Asked for each heartbeat: an open stream goes on while the next login is refused."""
    _step: str = OPENING
    _step_since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def after(cls, details: Sequence[object], channel: str, silence: timedelta) -> "Pulse":
        """The pulse of an attempt that goes on where another left off; `details`: its last
        heartbeat.
        """
        known = pulse_of(list(details))
        if known is None:
            return cls(channel, silence)
        found = cls(channel, silence, known.heard_at, known.received_at, known.position_at, known.landed_at)
        found.landing_since = known.landing_since
        return found

    def begin(self, step: str) -> None:
        """Another step begins; the one that is under way goes on."""
        if step != self._step:
            self._step, self._step_since = step, datetime.now(UTC)
        if step == LANDING:
            self.landing_since = self.landing_since or self._step_since

    def heard(self, at_ms: int | None) -> None:
        """The org's last sign of life, in epoch milliseconds; None: there was none."""
        if at_ms is None:
            return
        self.heard_at = moment_of(at_ms)
        if self._step == OPENING:
            self.begin(LISTENING)

    def landed(self, newest_ms: int | None) -> None:
        """A batch is durable; the commit time of its newest change, None: not known."""
        self.landing_since = None
        if newest_ms is not None:
            self.position_at, self.landed_at = moment_of(newest_ms), datetime.now(UTC)

    def text(self) -> str:
        """As a heartbeat carries it."""
        refused = self.refused_login()
        return LanePulse(
            at=datetime.now(UTC),
            step=self._step,
            step_since=self._step_since,
            channel=self.channel,
            silence=self.silence,
            heard_at=self.heard_at,
            received_at=self.received_at,
            position_at=self.position_at,
            landed_at=self.landed_at,
            buffered=self.buffered,
            landing_since=self.landing_since,
            login_refused="" if refused is None else refused.reason,
            login_refused_at=None if refused is None else refused.since,
        ).model_dump_json()


def moment_of(epoch_ms: int) -> datetime:
    """A time in UTC."""
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC)
