"""Rows of collections: read from a body, written in one Salesforce transaction, told one by one in
the order they came.

A request that is wrong as a whole is refused before a row is written; a row that is wrong only
fails itself, unless all or none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.org.composite.errors import (
    missing_type,
    not_an_object,
    too_many_chunks,
    too_many_records,
    unsupported_type,
)
from sandbox.org.errors import SalesforceError, of_row
from sandbox.org.rest.call import Call
from sandbox.org.schema.jackson import told
from sandbox.org.soql.entities import Entity
from sandbox.org.state.dml import Outcome, Verb
from schemas.salesforce.limits import COLLECTION_MAX_ROWS, COLLECTION_MAX_TYPE_CHUNKS


def flag(body: Mapping[str, Any], name: str) -> bool:
    """A boolean of a request's body; false when absent or null, refused when it is something
    else.
    """
    value = body.get(name)
    if not isinstance(value, bool | None):
        kind = "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER_INT"
        kind = {dict: "START_OBJECT", list: "START_ARRAY", float: "VALUE_NUMBER_FLOAT"}.get(type(value), kind)
        message = f"Cannot deserialize instance of boolean out of {kind} value {told(value)}"
        raise SalesforceError("JSON_PARSER_ERROR", message)
    return bool(value)


def records_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`records` of a body: at least one object, at most 200."""
    records = body.get("records")
    if not isinstance(records, list) or not records:
        raise SalesforceError("MISSING_ARGUMENT", "The required field 'records' is missing or empty")
    if len(records) > COLLECTION_MAX_ROWS:
        raise too_many_records(COLLECTION_MAX_ROWS)
    if any(not isinstance(record, dict) for record in records):
        raise not_an_object()
    return records


def typed(call: Call, records: Sequence[Mapping[str, Any]]) -> list[Entity]:
    """Each record's object by its `attributes.type`; consecutive records of one object form a
    chunk, of which ten may be.
    """
    found = [type_of(call, record) for record in records]
    chunks = sum(here is not before for here, before in zip(found, [None, *found], strict=False))
    if chunks > COLLECTION_MAX_TYPE_CHUNKS:
        raise too_many_chunks()
    return found


def type_of(call: Call, record: Mapping[str, Any]) -> Entity:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise missing_type()
    entity = call.service.entities.find(name)
    if entity is None:
        raise unsupported_type(name)
    return entity


def id_in(record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A record's id (empty when it has none), and its other fields."""
    others = {name: value for name, value in record.items() if name.lower() != "id"}
    found = next((value for name, value in record.items() if name.lower() == "id"), "")
    return str(found or ""), others


def row_result(verb: Verb, outcome: Outcome) -> dict[str, object]:
    """The result of a row. A failed row has no id; an upsert says whether it created."""
    if outcome.error is not None:
        return {"success": False, "errors": [row_error(outcome.error)]}
    result: dict[str, object] = {"id": outcome.record_id, "success": True, "errors": []}
    if verb == "upsert":
        result["created"] = outcome.created
    return result


def row_error(error: SalesforceError) -> dict[str, object]:
    """A row's error has `statusCode`."""
    shown = of_row(error)
    return {"statusCode": shown.code, "message": shown.message, "fields": shown.fields}
