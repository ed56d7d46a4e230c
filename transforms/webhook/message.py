"""The message of a change: its id, and its body."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

TEST_TYPE = "tidegate.test"
_ID_CHARACTERS = 32


def message_id(org: str, object_name: str, cursor: str) -> str:
    """The id of a change's message: the same at every try, after a crash and in a replay, so that a
    receiver can drop what it has. Two webhooks send the same change under the same id.
    """
    named = hashlib.sha256(f"{org}/{object_name}/{cursor}".encode()).hexdigest()
    return f"msg_{named[:_ID_CHARACTERS]}"


def message_body(change: Mapping[str, Any]) -> bytes:
    """A change of the feed in the form of Standard Webhooks: type, timestamp and data.

    Args:
        change: As `/v1/changes` gives it.
    """
    kind = f"{change['object']}.{change['change_type']}"
    return orjson.dumps({"type": kind, "timestamp": change["changed_at"], "data": change})


def trial_body(name: str, at: datetime) -> bytes:
    """The body of a test message. It holds no record."""
    return orjson.dumps(
        {"type": TEST_TYPE, "timestamp": at.astimezone(UTC).isoformat(), "data": {"webhook": name}}
    )
