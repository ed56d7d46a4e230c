"""Event schemas over REST: by the event's name and by the schema's id.

Subscribers of CometD find the id in each message's `schema`.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.events.event_schema import schema_id
from sandbox.org.rest.call import Call, json_response

_FORMATS_FROM = 43.0
"""Up to v42.0 `payloadFormat` is refused, and the answer is the compact schema."""


async def by_id(call: Call) -> Response:
    """`GET /event/eventSchema/{id}`: a schema, however old (REST API Developer Guide, "Platform
    Event Schema by Schema ID").
    """
    return _schema(call, call.path("schema_id"))


async def by_name(call: Call) -> Response:
    """`GET /sobjects/XChangeEvent/eventSchema`: what events carry now (REST API Developer Guide,
    "Platform Event Schema by Event Name").
    """
    channels = call.org.channels
    if (event := call.org.platform_events.find(call.path("object"))) is not None:
        return _schema(call, schema_id(event.avro_schema()))
    wanted = call.path("object").lower()
    entity = next((each for name, each in channels.by_event_name.items() if name.lower() == wanted), None)
    if entity is None:
        raise not_found()
    return _schema(call, channels.schema_ids[entity])


def _schema(call: Call, wanted: str) -> Response:
    is_expanded = _is_expanded(call)
    found = call.org.channels.schema_json(wanted)
    if found is None:
        raise not_found()
    schema = orjson.loads(found)
    return json_response(_expanded(schema, wanted) if is_expanded else {**schema, "uuid": wanted})


def _is_expanded(call: Call) -> bool:
    given = call.request.query_params.get("payloadFormat")
    if given is not None and (call.version < _FORMATS_FROM or given not in ("EXPANDED", "COMPACT")):
        raise SalesforceError("INVALID_INPUT", f"Invalid value for payloadFormat: {given}", 400)
    return call.version >= _FORMATS_FROM if given is None else given == "EXPANDED"


def _expanded(schema: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """The form of a CometD message: the event's fields inside `data.payload`, its replay id beside
    them.
    """
    payload = {"type": "record", "name": "Payload", "doc": "", "fields": schema["fields"]}
    event = {"type": "record", "name": "Event", "fields": [{"name": "replayId", "type": "long"}]}
    data = [
        {"name": "schema", "type": "string"},
        {"name": "payload", "type": payload},
        {"name": "event", "type": event},
    ]
    return {
        "name": schema["name"],
        "namespace": schema["namespace"],
        "type": "expanded-record",
        "fields": [
            {"name": "data", "type": {"type": "record", "name": "Data", "namespace": "", "fields": data}},
            {"name": "channel", "type": "string"},
        ],
        "uuid": wanted,
    }
