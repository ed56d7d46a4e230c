"""A small object with a field of every kind, and the road from an event to its typed or refused
changes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from clients.salesforce.streaming.stream import StreamMessage
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.tables import staged_columns
from tests.support.builders.bus import protector
from transforms.ingest.decode_events import DecodedObject, RawEvent, decode_events

THING = "Thing__c"
ID = "a0x000000000001AAA"
RECEIVED_MS = 1_790_000_000_500
RECEIVED_AT = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC)

CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            THING: {
                "label": "Things",
                "key_prefix": "a0x",
                "history": True,
                "fields": {
                    "Title__c": {"type": "string", "length": 20, "required": True},
                    "Notes__c": {"type": "textarea", "length": 4000},
                    "Parent__c": {"type": "reference", "references": [THING]},
                    "Open__c": {"type": "boolean"},
                    "Count__c": {"type": "int"},
                    "Score__c": {"type": "double"},
                    "Amount__c": {"type": "currency"},
                    "Due__c": {"type": "date"},
                    "At__c": {"type": "datetime"},
                    "City__c": {"type": "string", "part_of": "Address", "part": "City"},
                    "Street__c": {
                        "type": "string",
                        "part_of": "Address",
                        "part": "Street",
                        "pii": "personal",
                    },
                    "Email__c": {"type": "email", "length": 80, "pii": "personal"},
                    "Birth__c": {"type": "date", "pii": "sensitive"},
                },
            }
        }
    }
)
SPEC: ObjectSpec = CATALOGUE.object(THING)
COLUMNS = list(SPEC.columns.values())

HEADER: dict[str, Any] = {
    "entityName": THING,
    "recordIds": [ID],
    "changeType": "CREATE",
    "changeOrigin": "com/salesforce/api/rest/67.0;client=tests",
    "transactionKey": "0002b8c1-6a3c-bbcb-5c2a-9a4b7d7d7e3f",
    "sequenceNumber": 1,
    "commitTimestamp": 1_790_000_000_000,
    "commitNumber": 10_574_592_837_465,
    "commitUser": "005000000000001AAA",
}


def event(body: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    """An event's `data`. A create without a body has just what is required."""
    values = {"Title__c": "a title"} if body is None else body
    return {
        "schema": "s",
        "payload": {"ChangeEventHeader": HEADER | header, **values},
        "event": {"replayId": 7},
    }


def landed(*events: dict[str, Any]) -> pa.Table:
    """The events as the raw file would hold them."""
    buffer = LandingBuffer(protector(CATALOGUE), BatchLimits())
    buffer.add([StreamMessage(place, data, RECEIVED_MS) for place, data in enumerate(events, start=1)])
    # long ago: no further member of the last group is awaited
    buffer._received_ms = [0] * len(events)
    return buffer.peek().set_column(
        3, "received_at", pa.array([RECEIVED_AT] * len(events), pa.timestamp("ms", "UTC"))
    )


def decoded(*events: dict[str, Any]) -> dict[str, DecodedObject]:
    """The events landed and decoded."""
    rows = landed(*events).to_pylist()
    return decode_events(
        [
            RawEvent(row["position"], row["object"], row["changes"], RECEIVED_MS, row["event"].encode())
            for row in rows
        ],
        CATALOGUE,
    )


def typed(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """The typed changes by column; none may have been refused."""
    share = decoded(*events)[THING]
    assert [(refusal.reason, refusal.detail) for refusal in share.refusals] == []
    return [as_dict(row) for row in share.rows]


def as_dict(row: Sequence[Any]) -> dict[str, Any]:
    """A decoded row by column name."""
    return dict(zip((column.name for column in staged_columns(SPEC)), row, strict=True))
