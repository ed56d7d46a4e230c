"""Channels, their members and managed subscriptions as Tooling API objects: made, changed, read and deleted there.

Tooling API, "PlatformEventChannel", "PlatformEventChannelMember", "ManagedEventSubscription".
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.org.channels.registry import Channels
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.ids import IdMaker
from sandbox.org.rest.call import Call, json_response
from schemas.limits import CUSTOM_CHANNELS_MAX, ENRICHED_FIELDS_MAX, MANAGED_SUBSCRIPTIONS_MAX

CHANNEL, MEMBER, MANAGED = "PlatformEventChannel", "PlatformEventChannelMember", "ManagedEventSubscription"
_PREFIXES = {CHANNEL: "0YL", MEMBER: "0v8", MANAGED: "18x"}
_TABLES = {
    CHANNEL: "sandbox_channels",
    MEMBER: "sandbox_channel_members",
    MANAGED: "sandbox_managed_subscriptions",
}
_CHANNEL_NAME = re.compile(r"[A-Za-z]\w{0,39}__chn", re.ASCII)
_REPLAYS = ("LATEST", "EARLIEST")


def rows_of(name: str, connection: sqlite3.Connection) -> list[dict[str, object]]:
    """The rows of one of the three objects, keyed by field."""
    table = _TABLES[name]
    names = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    rows = [dict(zip(names, row, strict=True)) for row in connection.execute(f"SELECT * FROM {table}")]
    return [_shown(name, row) for row in rows]


def _shown(name: str, row: Mapping[str, Any]) -> dict[str, object]:
    full = row["name"]
    shown: dict[str, object] = {
        "Id": row["id"],
        "FullName": full,
        "DeveloperName": full.removesuffix("__chn"),
    }
    if name == CHANNEL:
        metadata: dict[str, object] = {"channelType": "data", "label": row["label"]}
        shown |= {"ChannelType": "data", "MasterLabel": row["label"]}
    elif name == MEMBER:
        enriched = [{"name": each} for each in orjson.loads(row["enriched"])]
        metadata = {
            "eventChannel": row["channel"],
            "selectedEntity": row["entity"],
            "filterExpression": row["filter"],
            "enrichedFields": enriched,
        }
        shown |= {
            "EventChannel": row["channel"],
            "SelectedEntity": row["entity"],
            "FilterExpression": row["filter"],
        }
    else:
        metadata = orjson.loads(row["metadata"])
        shown |= {
            "TopicName": metadata.get("topicName"),
            "State": metadata.get("state", "RUN"),
            "DefaultReplay": metadata.get("defaultReplay"),
            "ErrorRecoveryReplay": metadata.get("errorRecoveryReplay"),
            "MasterLabel": metadata.get("label"),
        }
    return {**shown, "Metadata": metadata}


async def create(call: Call) -> Response:
    """`POST /tooling/sobjects/X` makes a channel, a member or a managed subscription (Tooling API, "PlatformEventChannel")."""
    name = _object(call)
    full_name, metadata = _asked(await call.json_object())
    connection = call.org.store.connection
    table = _TABLES[name]
    last = connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
    record_id = IdMaker(_PREFIXES[name], last).next()
    if connection.execute(f"SELECT 1 FROM {table} WHERE name = ?", (full_name,)).fetchone():
        message = f"This {name} name is already used: {full_name}"
        raise SalesforceError("DUPLICATE_DEVELOPER_NAME", message, fields=["FullName"])
    _write(call.org.channels, connection, name, record_id, full_name, metadata)
    body = {"id": record_id, "success": True, "errors": [], "warnings": [], "infos": []}
    return json_response(body, 201)


async def retrieve(call: Call) -> Response:
    """`GET /tooling/sobjects/X/{id}` reads one, its Metadata included (Tooling API, "PlatformEventChannelMember")."""
    name = _object(call)
    row = _found(call, name)
    url = f"{call.base}/tooling/sobjects/{name}/{row['Id']}"
    return json_response({"attributes": {"type": name, "url": url}, **row})


async def update(call: Call) -> Response:
    """`PATCH /tooling/sobjects/X/{id}` changes one (Tooling API, "ManagedEventSubscription")."""
    name = _object(call)
    row = _found(call, name)
    body = await call.json_object()
    known: dict[str, Any] = dict(row["Metadata"])  # type: ignore[call-overload]
    full_name, metadata = _asked(
        {"FullName": row["FullName"], **body, "Metadata": known | (body.get("Metadata") or {})}
    )
    _write(
        call.org.channels, call.org.store.connection, name, str(row["Id"]), full_name, metadata, is_new=False
    )
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """`DELETE /tooling/sobjects/X/{id}`; a channel takes its members along (Tooling API, "PlatformEventChannel")."""
    name = _object(call)
    row = _found(call, name)
    connection = call.org.store.connection
    connection.execute(f"DELETE FROM {_TABLES[name]} WHERE id = ?", (row["Id"],))
    if name == CHANNEL:
        connection.execute("DELETE FROM sandbox_channel_members WHERE channel = ?", (row["FullName"],))
    call.org.channels.reload()
    return Response(status_code=204)


async def schema_by_id(call: Call) -> Response:
    """`GET /event/eventSchema/{id}`, compact or expanded (REST API Developer Guide, "Platform Event Schema by Schema ID")."""
    return _schema(call, call.path("id"))


async def schema_by_event(call: Call) -> Response:
    """`GET /sobjects/XChangeEvent/eventSchema` (REST API Developer Guide, "Platform Event Schema by Event Name")."""
    entity = call.org.channels.by_event_name.get(call.path("object"))
    if entity is None:
        raise not_found()
    return _schema(call, call.org.channels.schema_ids[entity])


def _schema(call: Call, schema_id: str) -> Response:
    form = call.request.query_params.get("payloadFormat", "EXPANDED").upper()
    if form not in ("EXPANDED", "COMPACT"):
        raise SalesforceError("INVALID_INPUT", f"payloadFormat must be EXPANDED or COMPACT, not {form}")
    schema = call.org.channels.schema_json(schema_id)
    if schema is None:
        raise not_found()
    body = {**orjson.loads(schema), "uuid": schema_id}
    if form == "EXPANDED":
        event = {"name": "event", "type": {"type": "record", "name": "Event", "fields": [
            {"name": "replayId", "type": "long"}]}}  # fmt: skip
        data = {"name": "data", "type": {"type": "record", "name": "Data", "fields": [
            {"name": "schema", "type": "string"}, {"name": "payload", "type": orjson.loads(schema)}, event]}}  # fmt: skip
        fields = [data, {"name": "channel", "type": "string"}]
        body = {
            "name": body["name"],
            "namespace": body["namespace"],
            "type": "expanded-record",
            "fields": fields,
        }
        body["uuid"] = schema_id
    return json_response(body)


def _object(call: Call) -> str:
    name = next((each for each in _TABLES if each.lower() == call.path("object").lower()), None)
    if name is None:
        raise not_found()
    return name


def _found(call: Call, name: str) -> dict[str, object]:
    wanted = call.path("id")
    row = next((row for row in rows_of(name, call.org.store.connection) if row["Id"] == wanted), None)
    if row is None:
        raise not_found()
    return row


def _asked(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    full_name, metadata = body.get("FullName"), body.get("Metadata")
    if not isinstance(full_name, str) or not full_name:
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName]", fields=["FullName"]
        )
    if not isinstance(metadata, dict):
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]", fields=["Metadata"]
        )
    return full_name, metadata


def _write(
    channels: Channels,
    connection: sqlite3.Connection,
    name: str,
    record_id: str,
    full_name: str,
    metadata: Mapping[str, Any],
    *,
    is_new: bool = True,
) -> None:
    """Check and keep one; the channels are read anew."""
    if name == CHANNEL:
        if metadata.get("channelType") != "data" or not _CHANNEL_NAME.fullmatch(full_name):
            message = "A channel of change events has channelType data and a name that ends in __chn"
            raise SalesforceError("INVALID_INPUT", message, fields=["FullName"])
        _check_room(connection, name, CUSTOM_CHANNELS_MAX, is_new=is_new)
        values: tuple[object, ...] = (record_id, full_name, metadata.get("label"))
    elif name == MEMBER:
        values = (record_id, full_name, *_member_values(channels, connection, metadata))
    else:
        if channels.find(str(metadata.get("topicName"))) is None:
            message = f"The topic {metadata.get('topicName')} doesn't exist"
            raise SalesforceError("INVALID_INPUT", message, fields=["TopicName"])
        if metadata.get("defaultReplay", "LATEST") not in _REPLAYS:
            raise SalesforceError(
                "INVALID_INPUT", "defaultReplay must be LATEST or EARLIEST", fields=["DefaultReplay"]
            )
        _check_room(connection, name, MANAGED_SUBSCRIPTIONS_MAX, is_new=is_new)
        committed = connection.execute(
            "SELECT committed FROM sandbox_managed_subscriptions WHERE id = ?", (record_id,)
        ).fetchone()
        values = (record_id, full_name, orjson.dumps(metadata).decode(), committed and committed[0])
    marks = ", ".join("?" for _ in values)
    connection.execute(f"INSERT OR REPLACE INTO {_TABLES[name]} VALUES ({marks})", values)
    channels.reload()


def _check_room(connection: sqlite3.Connection, name: str, maximum: int, *, is_new: bool) -> None:
    count = connection.execute(f"SELECT count(*) FROM {_TABLES[name]}").fetchone()[0]
    if is_new and count >= maximum:
        raise SalesforceError("LIMIT_EXCEEDED", f"The maximum number of {name} is {maximum}")


def _member_values(
    channels: Channels, connection: sqlite3.Connection, metadata: Mapping[str, Any]
) -> Sequence[object]:
    channel = str(metadata.get("eventChannel") or "")
    known = connection.execute("SELECT 1 FROM sandbox_channels WHERE name = ?", (channel,)).fetchone()
    if known is None:
        raise SalesforceError(
            "INVALID_INPUT", f"The channel {channel} doesn't exist", fields=["EventChannel"]
        )
    selected = str(metadata.get("selectedEntity") or "")
    entity = channels.by_event_name.get(selected)
    if entity is None:
        message = f"The selected entity {selected} isn't a change event"
        raise SalesforceError("INVALID_INPUT", message, fields=["SelectedEntity"])
    enriched = [str(each.get("name")) for each in metadata.get("enrichedFields") or ()]
    if len(enriched) > ENRICHED_FIELDS_MAX:
        message = f"A channel member has at most {ENRICHED_FIELDS_MAX} enriched fields"
        raise SalesforceError("LIMIT_EXCEEDED", message, fields=["EnrichedFields"])
    expression = metadata.get("filterExpression") or None
    channels.member(entity, expression, enriched)
    return (channel, selected, expression, orjson.dumps(enriched).decode())
