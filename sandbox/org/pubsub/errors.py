"""The Pub/Sub API's refusals: a gRPC status, and Salesforce's own code in the trailer `error-code`.

Pub/Sub API Guide, "Handle Errors". Where the guide names no status or code, the one here is our
guess and says so.
"""

import uuid
from typing import Any, NamedTuple, NoReturn

import grpc

_PREFIX = "sfdc.platform.eventbus.grpc."
REPLAY_WORDS = (
    "The Replay ID validation failed. Ensure that the replay_id field value in FetchRequest is valid and refers to an event that is "
    "within the retention window."
)


class Refusal(NamedTuple):
    status: grpc.StatusCode
    code: str
    """Without the common prefix."""
    message: str


AUTH = Refusal(
    grpc.StatusCode.UNAUTHENTICATED,
    "service.auth.error",
    "An authentication exception occurred. Verify the access token, instance URL and tenant ID.",
)
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE, "service.unavailable", "The service is unavailable.")
TOO_MANY_CLIENTS = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    "concurrent.client.limit.exceeded",
    "You have exceeded the concurrent client limit.",
)
REPLAY_CORRUPTED = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted", REPLAY_WORDS
)
REPLAY_INVALID = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.validation.failed", REPLAY_WORDS
)
BAD_DEMAND = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT,
    "subscription.fetch.requested.events.invalid",
    "The number of requested events must be greater than 0.",
)
EVENTS_SPENT = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    "subscription.limit.exceeded",
    "You have exceeded the event delivery limit for your org.",
)
NOT_ALLOWED = Refusal(
    grpc.StatusCode.PERMISSION_DENIED,
    "topic.permission.denied",
    "You don't have permission to subscribe to the topic.",
)
# The families of these codes are documented, their members and statuses are not.
NO_TOPIC = Refusal(grpc.StatusCode.NOT_FOUND, "topic.not.found", "The topic wasn't found.")
OTHER_TOPIC = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT,
    "subscription.fetch.topic.mismatch",
    "The topic of a subscription can't be changed. Open another Subscribe stream.",
)
NO_SCHEMA = Refusal(grpc.StatusCode.NOT_FOUND, "schema.not.found", "The schema wasn't found.")
NO_PUBLISHING = Refusal(
    grpc.StatusCode.PERMISSION_DENIED,
    "publish.topic.permission.denied",
    "Change event topics can't be published to.",
)
NO_SUBSCRIPTION = Refusal(
    grpc.StatusCode.NOT_FOUND, "managed.subscription.not.found", "The managed subscription wasn't found."
)
SUBSCRIPTION_STOPPED = Refusal(
    grpc.StatusCode.FAILED_PRECONDITION,
    "managed.subscription.stopped",
    "The managed subscription isn't in the RUN state.",
)
SUBSCRIPTION_TAKEN = Refusal(
    grpc.StatusCode.ALREADY_EXISTS,
    "managed.subscription.in.use",
    "The managed subscription has an active client.",
)


async def refuse(context: Any, refusal: Refusal) -> NoReturn:
    """End an RPC with the refusal."""
    rpc_id = str(uuid.uuid4())
    await context.abort(
        refusal.status,
        f"{refusal.message} rpcId: {rpc_id}",
        trailing_metadata=(("error-code", _PREFIX + refusal.code), ("rpc-id", rpc_id)),
    )
    raise AssertionError("abort raises")
