"""Managed subscriptions: the org keeps their position, and gives one client at a time its events
(beta).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.org.pubsub.model import REPLAY_BYTES
from schemas.eventbus import pubsub_api_pb2 as wire
from schemas.salesforce.limits import REPLAY_ALL_EVENTS, REPLAY_NEW_EVENTS

_PRESETS = {"LATEST": REPLAY_NEW_EVENTS, "EARLIEST": REPLAY_ALL_EVENTS}


@dataclass(frozen=True, slots=True)
class ManagedSubscription:
    """One of them, as the Tooling API's ManagedEventSubscription describes it."""

    subscription_id: str
    topic: str
    is_running: bool
    start: int
    """The committed replay id, or where `defaultReplay` says to begin."""
    recovery: int
    """Where to begin when the committed id is past retention."""


class Managed:
    """Reads and commits them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._in_use: set[str] = set()

    def find(self, subscription_id: str, developer_name: str) -> ManagedSubscription | None:
        """By id or by developer name; None when there is none."""
        row = self._connection.execute(
            "SELECT id, metadata, committed FROM sandbox_managed_subscriptions WHERE id = ? OR name = ?",
            (subscription_id, developer_name),
        ).fetchone()
        if row is None:
            return None
        metadata = orjson.loads(row[1])
        start = _PRESETS.get(str(metadata.get("defaultReplay")), REPLAY_NEW_EVENTS)
        recovery = _PRESETS.get(str(metadata.get("errorRecoveryReplay")), REPLAY_NEW_EVENTS)
        return ManagedSubscription(
            row[0],
            str(metadata.get("topicName", "")),
            metadata.get("state", "RUN") == "RUN",
            start if row[2] is None else int(row[2]),
            recovery,
        )

    @contextmanager
    def taken(self, subscription_id: str) -> Iterator[bool]:
        """Hold it for one client; False when another does."""
        if subscription_id in self._in_use:
            yield False
            return
        self._in_use.add(subscription_id)
        try:
            yield True
        finally:
            self._in_use.discard(subscription_id)

    def commit(self, subscription_id: str, request: Any, *, newest: int) -> Any:
        """Keep the position, unless it is none; returns the CommitReplayResponse."""
        response = wire.CommitReplayResponse(
            commit_request_id=request.commit_request_id,
            replay_id=request.replay_id,
            process_time=time.time_ns() // 1_000_000,
        )
        replay = int.from_bytes(request.replay_id, "big")
        if len(request.replay_id) != REPLAY_BYTES or replay > newest:
            response.error.CopyFrom(wire.Error(code=wire.COMMIT, msg="The Replay ID is invalid."))
            return response
        self._connection.execute(
            "UPDATE sandbox_managed_subscriptions SET committed = ? WHERE id = ?", (replay, subscription_id)
        )
        return response
