"""JSON and XML, as Bulk API 1.0 reads and writes them.

What is said about a job is JSON when the request is JSON; what is said about a batch follows the
job's own content type, so a CSV job speaks XML (Bulk API 2.0 and Bulk API Developer Guide, "Bulk
API: Headers", "Add a Batch to a Job").
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.bulk_v1.errors import AsyncApiError
from sandbox.org.bulk_v1.model import DATES, time_text
from sandbox.org.schema.jackson import parse_problem

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_XML, _JSON = "application/xml", "application/json"


def speaks_json(request: Request, content_type: str | None = None) -> bool:
    """Whether the answer is JSON. `content_type` is the job's where the answer is about a batch."""
    accept = request.headers.get("accept", "").lower()
    if "json" in accept or "xml" in accept:
        return "json" in accept
    if content_type is not None:
        return content_type == "JSON"
    return "json" in request.headers.get("content-type", "").lower()


def answer(
    name: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, json: bool, status: int = 200
) -> Response:
    """An info, or a list of them: `jobInfo`, `batchInfo`, `batchInfoList`, `error`."""
    if json:
        shaped = _json(body) if isinstance(body, Mapping) else {"batchInfo": [_json(each) for each in body]}
        return Response(orjson.dumps(shaped), status, media_type=_JSON)
    inner = (
        _elements(body)
        if isinstance(body, Mapping)
        else "".join(f"<batchInfo>{_elements(each)}</batchInfo>" for each in body)
    )
    return xml_response(f'<{name} xmlns="{NAMESPACE}">{inner}</{name}>', status)


def xml_response(document: str, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{document}', status, media_type=_XML)


def _json(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: time_text(value, "+0000") if name in DATES else value for name, value in body.items()}


def _elements(body: Mapping[str, Any]) -> str:
    """XML leaves out what has no value."""
    return "".join(
        f"<{name}>{_text(time_text(value, 'Z') if name in DATES else value)}</{name}>"
        for name, value in body.items()
        if value is not None
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value), quote=False)


def request_object(request: Request, body: bytes) -> dict[str, Any]:
    """The jobInfo that a client sent, in either format."""
    if "json" in request.headers.get("content-type", "").lower():
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise AsyncApiError("InvalidJob", f"Unable to parse Job: {parse_problem(body)}") from None
        if not isinstance(found, dict):
            raise AsyncApiError("InvalidJob", "Unable to parse Job")
        return found
    root = parsed_xml(body)
    return {bare(child): (child.text or "").strip() for child in root}


def parsed_xml(body: bytes) -> ET.Element:
    """The document's root; raises InvalidXML. A DTD is refused, and with it every entity of a
    client's own.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise AsyncApiError("InvalidXML", "DTD is not allowed")
    try:
        return ET.fromstring(body)  # noqa: S314 -- see above
    except ET.ParseError as error:
        line, column = error.position
        message = f"XML is not well formed at line {line}, column {column}"
        raise AsyncApiError("InvalidXML", message) from None


def bare(element: ET.Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


def xml_rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of `<sObjects><sObject>…`; `xsi:nil` is null, an inner sObject a parent by external
    id.
    """
    return [_xml_row(row) for row in parsed_xml(body)]


def _xml_row(row: ET.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in row:
        if bare(child) == "type":
            continue
        inner = next((each for each in child if bare(each) == "sObject"), None)
        if inner is not None:
            found[bare(child)] = _xml_row(inner)
        elif child.get(_NIL) == "true":
            found[bare(child)] = None
        elif child.text:
            found[bare(child)] = child.text
    return found
