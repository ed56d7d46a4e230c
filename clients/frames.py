"""CometD responses as JSON, also when one message in them is broken.

A response carries hundreds of messages. One that is not JSON must not cost the others: it is cut out, kept as text
and handed on as a message of its own, so that it can be quarantined.
"""

import json
import re
from typing import Any

import orjson

from transforms.decode import BROKEN

BROKEN_CHANNEL = "/broken"
"""Channel of a message that could not be read."""

_MESSAGE_START = re.compile(r'\{\s*"(?:data|channel|clientId|advice|ext|successful|id|error|subscription|version)"\s*:')
_REPLAY_ID = re.compile(r'"replayId"\s*:\s*(\d+)')
_DECODER = json.JSONDecoder()


def load_frame(text: str) -> Any:  # noqa: ANN401 -- a JSON value
    """The messages of a response; broken ones as `{"channel": BROKEN_CHANNEL, "data": {"broken": text, …}}`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _salvage(text)


def _salvage(text: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    place = 0
    broken_from: int | None = None
    while (start := _next_start(text, place)) is not None:
        try:
            message, end = _DECODER.raw_decode(text, start)
        except ValueError:
            broken_from = start if broken_from is None else broken_from
            place = start + 1
            continue
        if isinstance(message, dict) and ("channel" in message or "data" in message):
            # A whole message: what could not be read before it ends here.
            if broken_from is not None:
                messages.append(_broken(text[broken_from:start]))
                broken_from = None
            messages.append(message)
            place = end
        else:
            # An inner part of the broken message.
            place = end if broken_from is not None else start + 1
    if broken_from is not None:
        messages.append(_broken(text[broken_from:]))
    return messages


def _next_start(text: str, place: int) -> int | None:
    found = _MESSAGE_START.search(text, place)
    return None if found is None else found.start()


def _broken(text: str) -> dict[str, Any]:
    replay_id = _REPLAY_ID.search(text)
    event = {"replayId": int(replay_id[1])} if replay_id else {}
    return {"channel": BROKEN_CHANNEL, "data": {BROKEN: text.strip(" ,]\n"), "event": event}}
