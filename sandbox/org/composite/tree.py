"""sObject Tree: records with their children in one call, all or none (REST API Developer Guide,
"sObject Tree").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sandbox.org.composite.errors import invalid_request, limit_exceeded, too_many_records
from sandbox.org.composite.model import row_error, type_of
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import Call, json_response
from sandbox.org.soql.entities import Entity
from sandbox.org.state.dml import Outcome, Write
from schemas.salesforce.limits import TREE_MAX_DEPTH, TREE_MAX_ROWS, TREE_MAX_TYPES


@dataclass(frozen=True, slots=True)
class _Node:
    reference_id: str
    entity: Entity
    fields: Mapping[str, Any]
    level: int
    parent: str | None
    """The parent's reference id; None at the top."""
    parent_field: str
    """The field that points there; empty at the top."""


class _FailedError(Exception):
    """Leaves the batch, so that nothing of the tree stays."""


async def create(call: Call) -> Response:
    """`POST /composite/tree/X`: 201 with every record's id, or 400 with the errors (REST API
    Developer Guide, "sObject Tree").
    """
    entity = call.service.entity(call.path("object"))
    body = await call.json_object()
    nodes = list(_nodes(call, body.get("records"), entity, 1, None, ""))
    _check_size(nodes)
    made: dict[str, str] = {}
    try:
        with call.org.batch():
            for level in range(1, TREE_MAX_DEPTH + 1):
                _write(call, [node for node in nodes if node.level == level], made)
    except _FailedError as failure:
        return json_response({"hasErrors": True, "results": failure.args[0]}, 400)
    results = [{"referenceId": node.reference_id, "id": made[node.reference_id]} for node in nodes]
    return json_response({"hasErrors": False, "results": results}, 201)


def _write(call: Call, nodes: list[_Node], made: dict[str, str]) -> None:
    """A level at a time: children need their parents' ids."""
    rows = []
    for node in nodes:
        parent = {node.parent_field: made[node.parent]} if node.parent is not None else {}
        rows.append(Write("insert", node.entity.name, {**node.fields, **parent}))
    outcomes = call.service.dml.write(rows, user=call.user_id, origin=call.origin)
    failed = [
        {"referenceId": node.reference_id, "errors": [row_error(outcome.error)]}
        for node, outcome in zip(nodes, outcomes, strict=True)
        if outcome.error is not None
    ]
    if failed:
        raise _FailedError(failed)
    made.update((node.reference_id, _id(outcome)) for node, outcome in zip(nodes, outcomes, strict=True))


def _id(outcome: Outcome) -> str:
    return outcome.record_id or ""


def _nodes(
    call: Call, records: Any, entity: Entity, level: int, parent: str | None, parent_field: str
) -> Iterator[_Node]:
    """Every record of the tree, parents before their children."""
    if not isinstance(records, list) or not records:
        raise SalesforceError("MISSING_ARGUMENT", "The required field 'records' is missing or empty")
    if level > TREE_MAX_DEPTH:
        raise limit_exceeded(f"The tree is deeper than {TREE_MAX_DEPTH} levels")
    for record in records:
        if not isinstance(record, dict) or type_of(call, record) is not entity:
            raise invalid_request(f"A record in this place must be of type {entity.name}")
        reference_id = record["attributes"].get("referenceId")
        if not isinstance(reference_id, str) or not reference_id:
            raise invalid_request("Include a reference id for each record in the request")
        children = {
            name: value for name, value in record.items() if isinstance(value, dict) and "records" in value
        }
        fields = {name: value for name, value in record.items() if name not in children}
        yield _Node(reference_id, entity, fields, level, parent, parent_field)
        for name, value in children.items():
            child, field = _relationship(call, entity, name)
            yield from _nodes(call, value["records"], child, level + 1, reference_id, field)


def _relationship(call: Call, parent: Entity, name: str) -> tuple[Entity, str]:
    for found in call.service.entities.children(parent):
        if (found.name or "").lower() == name.lower():
            return call.service.entities.all[found.child], found.field
    raise SalesforceError(
        "INVALID_FIELD", f"No such relation '{name}' on entity '{parent.name}'", fields=[name]
    )


def _check_size(nodes: list[_Node]) -> None:
    if len(nodes) > TREE_MAX_ROWS:
        raise too_many_records(TREE_MAX_ROWS)
    if len({node.entity.name for node in nodes}) > TREE_MAX_TYPES:
        raise limit_exceeded(f"The tree has more than {TREE_MAX_TYPES} types of records")
    seen: set[str] = set()
    for node in nodes:
        if node.reference_id in seen:
            raise invalid_request(f"Duplicate ReferenceId provided in the request: {node.reference_id}")
        seen.add(node.reference_id)
