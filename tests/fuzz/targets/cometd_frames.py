"""A response of CometD: whatever its text, it is read, and each event in it is typed or refused."""

from typing import Any

import orjson

from clients.salesforce.streaming.cometd_frames import BROKEN_CHANNEL, load_frame
from tests.support.builders.things import THING, decoded, event

_MESSAGE = {"channel": "/data/ChangeEvents", "data": event()}
_ACK = {"channel": "/meta/connect", "successful": True, "id": "7", "clientId": "c"}
_WHOLE = orjson.dumps([_MESSAGE, _ACK, {"channel": "/data/ChangeEvents", "data": event(changeType="DELETE")}])
SEEDS = (
    _WHOLE,
    _WHOLE.replace(b'"a title"', b'"a title'),
    _WHOLE.replace(b'"a title"', b'"\\ud800"'),
    _WHOLE.replace(b'"a title"', b"NaN"),
    orjson.dumps(_ACK),
    orjson.dumps(
        [{"channel": "/data/ChangeEvents", "data": event({"Count__c": 3, "Address": {"City": "K"}})}]
    ),
)
WORDS = (
    '{"channel":', '{"data":', '"payload":', '"ChangeEventHeader":', '"recordIds":', '"changeType":', '"GAP_UPDATE"',
    '"UPDATE"', '"changedFields":', '"commitTimestamp":', '"event":{"replayId":', f'"{THING}"', '"entityName":',
)  # fmt: skip


def check(data: bytes) -> None:
    """Never raises, writes JSON, and loses no change."""
    frame = load_frame(data.decode("utf-8", "replace"))
    for message in frame if isinstance(frame, list) else [frame]:
        _check_message(message)


def _check_message(message: Any) -> None:
    if not isinstance(message, dict) or not isinstance(body := message.get("data"), dict):
        return
    if message.get("channel") == BROKEN_CHANNEL:
        assert body["broken"], "a broken message is handed on without its text"
    for name, share in decoded(body).items():
        came = len(share.rows) + len(share.refusals)
        assert share.landed == came, f"{share.landed} changes of {name} landed, {came} came out"
