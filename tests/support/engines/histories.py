"""Every history that Temporal keeps, as bytes, with what lies behind the codec."""

from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client


async def histories(client: Client) -> dict[str, bytes]:
    """Workflow id and run -> its history as the server keeps it, and the plain text of its
    payloads.
    """
    found = {}
    async for each in client.list_workflows():
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        events = (await handle.fetch_history()).events
        payloads = [payload for event in events for payload in _payloads(event)]
        codec = client.data_converter.payload_codec
        opened = payloads if codec is None else await codec.decode(payloads)
        kept = [item.SerializeToString() for item in (*events, *opened)]
        found[f"{each.id} {each.run_id}"] = b"".join(kept)
    return found


def _payloads(message: Message) -> list[Payload]:
    """Every payload of a message, at any depth."""
    if isinstance(message, Payload):
        return [message]
    return [
        payload
        for _, value in message.ListFields()
        for inner in _messages(value)
        for payload in _payloads(inner)
    ]


def _messages(value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    if hasattr(value, "values"):  # a map
        value = value.values()
    elif isinstance(value, (str, bytes, int, float)):
        return []
    return [each for each in value if isinstance(each, Message)]
