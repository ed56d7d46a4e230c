"""Settings of ingest: the lanes, how objects are polled, and when a batch is cut."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.ingest.messages import POLL_EVERY
from schemas.planner import Way
from schemas.salesforce.limits import QUERY_VISIBILITY_LAG
from schemas.settings.base import SettingsGroup, renamed

StreamTransport = Literal["cometd", "pubsub"]
FIRST_POLL_OVERLAP = timedelta(minutes=10)
DELETIONS_INTERVAL = timedelta(minutes=10)


class LaneSettings(SettingsGroup):
    """One lane: a channel that is streamed, or an object that is polled."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    """Lane name. It is part of workflow IDs and object keys; a renamed lane starts a new chain."""
    channel: str = Field(default="", pattern=r"^(/(data|event)/\w+)?$")
    """Channel of a streamed lane, such as `/data/ChangeEvents`. Empty = the lane polls."""
    way: Way = Way.STREAM
    """`stream` follows `channel`, `poll` queries `object`."""
    object: str = ""
    """API name of a polled lane's object. Empty = the lane streams."""
    interval: timedelta = Field(
        default=POLL_EVERY, ge=timedelta(seconds=1), validation_alias=renamed("interval", old="every")
    )
    """Time between two polls of a polled lane. Each poll costs at least one API call."""
    first_replay: Literal[-1, -2] = -2
    """Where a lane without a chain starts: -2 = all retained events (72 hours), -1 = new events
    only.
    """
    transport: StreamTransport = "pubsub"
    """Protocol of a streamed lane: `pubsub` is the Pub/Sub API (port 7443), `cometd` the Streaming
    API (port 443). Events and positions are the same, so a lane may change at any worker
    restart.
    """

    @model_validator(mode="after")
    def _follows_one_source(self) -> Self:
        if (self.way is Way.POLL) != bool(self.object) or (self.way is Way.STREAM) != bool(self.channel):
            raise ValueError("a stream has a channel and no object, a polled lane an object and no channel")
        return self


class PollingSettings(SettingsGroup):
    """How objects are polled."""

    visibility_delay: timedelta = Field(default=QUERY_VISIBILITY_LAG, ge=timedelta(0))
    """Lag of each poll's upper bound behind the org's clock: rows become queryable at most this
    long after commit. Raise it when reconciliations find records that a poll missed.
    """
    overlap: timedelta = Field(default=FIRST_POLL_OVERLAP, ge=timedelta(0))
    """How far before its start time a lane without a chain starts to read."""
    deletions_interval: timedelta = Field(
        default=DELETIONS_INTERVAL,
        ge=timedelta(minutes=1),
        validation_alias=renamed("deletions_interval", old="deletions_every"),
    )
    """Time between two checks for purged records. Each check costs one API call: 144 a day by
    default.
    """


class CutSettings(SettingsGroup):
    """When a lane's batch is cut: at the first limit that it reaches."""

    max_changes: int = Field(
        default=20_000, ge=1, validation_alias=renamed("max_changes", old="most_changes")
    )
    """Changes in a batch. Fewer make smaller transactions, more make fewer workflows."""
    max_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1, validation_alias=renamed("max_bytes", old="most_bytes")
    )
    """Bytes of a batch before compression. It bounds a worker's memory."""
    max_age: timedelta = Field(
        default=timedelta(seconds=4), validation_alias=renamed("max_age", old="most_age")
    )
    """Age of a streamed batch's first change; a poll cuts by size alone. It is part of
    freshness; longer makes fewer, larger batches.
    """
