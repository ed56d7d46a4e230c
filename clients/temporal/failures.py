"""A failure as Temporal keeps it, made readable: with the codec on, its message lies in an
encrypted payload.
"""

import json

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client


async def readable(client: Client, failure: Failure) -> Failure:
    """A copy of the failure, and of those that it came from, with their messages in plain."""
    found = Failure()
    found.CopyFrom(failure)
    codec = client.data_converter.payload_codec
    if codec is not None:
        await codec.decode_failure(found)
    each: Failure | None = found
    while each is not None:
        if each.HasField("encoded_attributes"):
            said = json.loads(each.encoded_attributes.data or b"{}")
            each.message = str(said.get("message", each.message))
            each.stack_trace = str(said.get("stack_trace", ""))
            each.ClearField("encoded_attributes")
        each = each.cause if each.HasField("cause") else None
    return found
