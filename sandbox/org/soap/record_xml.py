"""Records as XML: generic in the partner API, each with its type and Id in front; typed in the
enterprise API (SOAP API Developer Guide, "sObject", "QueryResult").
"""

import re
from typing import Any

from sandbox.org.soap.call import PARTNER, SoapCall
from sandbox.org.soap.xml import Raw, element

_AGGREGATE = "AggregateResult"
_REST_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
_COMPOUND_TYPES = {"address": "address", "location": "location"}


def query_result(call: SoapCall, result: dict[str, Any], name: str = "result") -> str:
    """A page: whether it is the last, the locator of the next, its records, the size of all."""
    following = str(result.get("nextRecordsUrl") or "").rpartition("/")[2]
    parts = [
        element("done", result["done"]),
        element("queryLocator", following or None),
        *(record_xml(call, "records", record) for record in result["records"]),
        element("size", result["totalSize"]),
    ]
    return element(name, Raw("".join(parts)), "QueryResult")


def record_xml(call: SoapCall, name: str, record: dict[str, Any]) -> str:
    """One record, as REST has it, with all that hangs on it."""
    kind = str(record["attributes"]["type"])
    is_partner = call.api is PARTNER
    parts = []
    if is_partner:
        record_id = next((value for key, value in record.items() if key == "Id"), None)
        parts = [element("sf:type", kind), element("sf:Id", record_id)]
    for key, value in record.items():
        if key != "attributes":
            parts.append(_value(call, kind, key, value))
    # An aggregate, too: the partner WSDL has no type AggregateResult.
    typed = "sf:sObject" if is_partner else f"sf:{kind}"
    return element(name, Raw("".join(parts)), typed)


def _value(call: SoapCall, kind: str, name: str, value: Any) -> str:
    tag = f"sf:{name}"
    if isinstance(value, dict):
        if "attributes" in value:
            return record_xml(call, tag, value)
        if "records" in value:
            return query_result(call, value, tag)
        field = _kind_of(call, kind, name)
        parts = "".join(element(part, found) for part, found in value.items())
        return element(tag, Raw(parts), _COMPOUND_TYPES.get(field, ""))
    is_time = _kind_of(call, kind, name) in ("datetime", "") and isinstance(value, str)
    if is_time and _REST_TIME.fullmatch(value):
        value = f"{value[:-5]}Z"
    return element(tag, value, _aggregate_type(value) if kind == _AGGREGATE else "")


def _kind_of(call: SoapCall, object_name: str, name: str) -> str:
    """The field's type in describe's words; empty for an aggregate."""
    entity = call.service.entities.find(object_name)
    field = entity.fields.get(name) if entity is not None else None
    return field.kind if field is not None else ""


def _aggregate_type(value: object) -> str:
    """An aggregate says its type, because no describe tells it."""
    if isinstance(value, bool):
        return "xsd:boolean"
    if isinstance(value, int):
        return "xsd:int"
    return "xsd:double" if isinstance(value, float) else "xsd:string"
