"""Platform events: messages of an administrator's own making, published by clients, with a schema,
a channel and replay ids like change events (Platform Events Developer Guide, "Define Your Platform
Event", "Publish Event Messages with Salesforce APIs").
"""

import io
from collections.abc import Mapping
from typing import Any

import fastavro
import orjson
from pydantic import BaseModel, ConfigDict, Field

from sandbox.org.errors import SalesforceError
from sandbox.org.events.event_schema import avro_type, converted
from sandbox.org.schema.exact import dumps
from sandbox.org.schema.fields import checker
from sandbox.org.schema.objects import OrgField
from schemas.catalogue import FieldType

PREFIX = "/event/"
"""Of the channel of one platform event."""
CREATED_AT, CREATED_BY = "CreatedDate", "CreatedById"
_NAMESPACE = "com.sforce.eventbus"
_KINDS = {
    "Checkbox": FieldType.BOOLEAN,
    "Date": FieldType.DATE,
    "DateTime": FieldType.DATETIME,
    "Number": FieldType.DOUBLE,
    "Text": FieldType.STRING,
    "LongTextArea": FieldType.TEXTAREA,
}
"""Types of the fields of a platform event (Platform Events Developer Guide, "Platform Event
Fields").
"""


class PlatformEventField(BaseModel):
    """One field of a platform event."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z]\w{0,79}__c$")
    type: str = Field(pattern=f"^({'|'.join(_KINDS)})$")
    length: int = Field(default=255, ge=1, le=131_072)
    required: bool = False

    def spec(self) -> OrgField:
        return OrgField(type=_KINDS[self.type], length=self.length, scale=0, required=self.required)


class PlatformEvent(BaseModel):
    """A platform event as an administrator has defined it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z](?:_?[A-Za-z0-9]){0,39}__e$")
    label: str = ""
    fields: tuple[PlatformEventField, ...] = ()
    key_prefix: str = Field(default="", pattern=r"^(e[0-9a-zA-Z]{2})?$")
    """Of the ids of its messages; empty: the org chooses one when the event is defined."""

    @property
    def channel(self) -> str:
        return f"{PREFIX}{self.name}"

    def avro_schema(self) -> str:
        """Its Avro schema: who published it and when, then the fields in their order."""
        own = [
            {"name": each.name, "type": ["null", avro_type(each.spec().type)], "default": None}
            for each in self.fields
        ]
        first = [{"name": CREATED_AT, "type": "long"}, {"name": CREATED_BY, "type": "string"}]
        schema = {"type": "record", "name": self.name, "namespace": _NAMESPACE, "fields": [*first, *own]}
        return orjson.dumps(schema).decode()

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a message that somebody publishes; raises `SalesforceError`."""
        known = {each.name.lower(): each for each in self.fields}
        found: dict[str, Any] = {}
        for name, value in values.items():
            if name == "attributes":
                continue
            field = known.get(name.lower())
            if field is None:
                message = f"No such column '{name}' on sobject of type {self.name}"
                raise SalesforceError("INVALID_FIELD", message, fields=[name])
            found[field.name] = None if value is None else checker(field.name, field.spec())(value)
        missing = [each.name for each in self.fields if each.required and found.get(each.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise SalesforceError("REQUIRED_FIELD_MISSING", message, fields=missing)
        return found


def message_json(schema_id: str, uuid: str, payload: Mapping[str, Any], replay_id: int) -> bytes:
    """The `data` object of a message as CometD carries it (Platform Events Developer Guide,
    "Identify and Match Event Messages with the EventUuid Field").
    """
    event = {"EventUuid": uuid, "replayId": replay_id}
    return dumps({"schema": schema_id, "payload": payload, "event": event})


def encoded(schema_json: str, payload: Mapping[str, Any]) -> bytes:
    """A message's payload as Avro binary."""
    schema = orjson.loads(schema_json)
    kinds = {field["name"]: field["type"] for field in schema["fields"]}
    record = {
        name: None if value is None else converted(kind[-1] if isinstance(kind, list) else kind, value)
        for name, kind in kinds.items()
        for value in (payload.get(name),)
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def decoded(schema_json: str, payload: bytes) -> dict[str, Any]:
    """A payload that a client publishes; raises what fastavro raises for bytes of another
    schema.
    """
    found = fastavro.schemaless_reader(
        io.BytesIO(payload), fastavro.parse_schema(orjson.loads(schema_json)), None
    )
    return dict(found)  # type: ignore[arg-type]
