"""CometD responses as JSON, also when one message in them is broken.

A response carries hundreds of messages. One that is not JSON must not cost the others: it is cut
out, kept as text and handed on as a message of its own, so that it can be quarantined.
"""

import json
import re
from typing import Any

import orjson

from transforms import exact_json
from transforms.ingest.decode_events import BROKEN

BROKEN_CHANNEL = "/broken"
"""Channel of a message that could not be read."""

_MESSAGE_START = re.compile(
    r'\{\s*"(?:data|channel|clientId|advice|ext|successful|id|error|subscription|version)"\s*:'
)
_REPLAY_ID = re.compile(
    r'"replayId"\s*:\s*(\d{1,18})\s*[,}]'
)  # with its end: a number cut short is another one
_BETWEEN = " ,[]\r\n\t"
_DECODER = json.JSONDecoder()


def load_frame(text: str) -> Any:
    """The messages of a response; broken ones as `{"channel": BROKEN_CHANNEL, "data": {"broken":
    text, …}}`.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _salvage(text)


def _salvage(text: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    read_to = place = 0
    while (start := _next_start(text, place)) is not None:
        found = _read_message(text, start)
        if found is None:
            place = start + 1
            continue
        message, end = found
        messages += _broken(text[read_to:start])
        messages.append(message)
        read_to = place = end
    return messages + _broken(text[read_to:])


def _next_start(text: str, place: int) -> int | None:
    found = _MESSAGE_START.search(text, place)
    return None if found is None else found.start()


def _read_message(text: str, start: int) -> tuple[dict[str, Any], int] | None:
    """The whole message that begins at `start`, and where it ends; None when there is none."""
    try:
        _, end = _DECODER.raw_decode(text, start)
        # The first reader finds the end but takes NaN and half a surrogate pair, which cannot be
        # written again as they are.
        message = _whole(text[start:end])
    except (ValueError, RecursionError):
        return None
    # Without them it is an inner part of a broken message.
    return (message, end) if "channel" in message or "data" in message else None


def _whole(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return exact_json.mended(text)


def _broken(text: str) -> list[dict[str, Any]]:
    """A broken message for what stands between two whole ones; none when that is punctuation
    alone.
    """
    bare = text.strip(_BETWEEN)
    if not bare:
        return []
    replay_id = _REPLAY_ID.search(bare)
    event = {"replayId": int(replay_id[1])} if replay_id else {}
    return [{"channel": BROKEN_CHANNEL, "data": {BROKEN: bare, "event": event}}]
