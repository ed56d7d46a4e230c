"""Parents and children together, in one call (REST API Developer Guide, "Composite Graphs").

A graph is one transaction: all of its records are written, or none. Children name their parents by where these stand in the graph,
so neither has to be there before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from clients.org_http import OrgHttp
from clients.record_writes import Row, RowResult, call_options, error_of, readable_answer, reads_as_reference
from schemas.budgets import LeaseClass
from schemas.limits import GRAPH_NODES_MAX, GRAPHS_MAX
from transforms.row_errors import NOT_SENT

_HALTED = "PROCESSING_HALTED"
_UNFIT = re.compile(r"[/\\]|\.[A-Za-z]{2,}$")
"""External ids that are not found by an address: those with a slash, and those that end like a host's name (salesforce.md B.3)."""


@dataclass(frozen=True, slots=True)
class Node:
    """One record of a graph."""

    object: str
    key_field: str
    """Its external id field."""
    row: Row
    parents: Mapping[str, int] = field(default_factory=dict)
    """Reference field -> the place in the graph, before this one's, of the record that it points to."""


Graph = Sequence[Node]


class GraphWrites:
    """Writes graphs of one org's records, paid for by one class."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass = LeaseClass.WRITEBACK) -> None:
        self._org = org
        self._class = lease_class

    async def write(
        self, graphs: Sequence[Graph], batch: str, *, is_long: bool = False
    ) -> list[list[RowResult]]:
        """Write up to 75 graphs of up to 500 records together in one call; returns what became of each record, graph by graph.

        In a graph that failed, the records that are not at fault have `PROCESSING_HALTED`. A graph with a record that a graph
        cannot carry is left out (`NOT_SENT`, or `NOT_FOUND` where one may not be created). `batch` and `is_long` are as those of
        `CompositeWrites.write`, and so is what is raised.
        """
        if len(graphs) > GRAPHS_MAX or sum(map(len, graphs)) > GRAPH_NODES_MAX:
            raise ValueError(f"batch {batch} is more than {GRAPHS_MAX} graphs or {GRAPH_NODES_MAX} records")
        results = {place: told for place, graph in enumerate(graphs) if (told := _left_out(graph))}
        sent = {f"graph{place}": place for place in range(len(graphs)) if place not in results}
        if sent:
            answer = await self._org.call(
                "POST",
                f"{self._org.data_path}/composite/graph",
                lease_class=self._class,
                json={"graphs": [self._payload(name, graphs[place]) for name, place in sent.items()]},
                headers=call_options(batch),
                is_long=is_long,
                is_write=True,
            )
            with readable_answer():
                told_of = {entry["graphId"]: entry for entry in orjson.loads(answer.content)["graphs"]}
                results |= {place: _told(told_of[name], graphs[place]) for name, place in sent.items()}
        return [results[place] for place in range(len(graphs))]

    def _payload(self, name: str, graph: Graph) -> dict[str, Any]:
        subrequests = [
            {
                "method": "PATCH",
                "url": f"{self._org.data_path}/sobjects/{node.object}/{self._named(node)}",
                "referenceId": f"node{place}",
                "body": {**node.row.fields, **_references(graph, place)},
            }
            for place, node in enumerate(graph)
        ]
        return {"graphId": name, "compositeRequest": subrequests}

    def _named(self, node: Node) -> str:
        """By key, which creates what is not there; by id where that must not be, or the key does not fit into an address."""
        if _goes_by_id(node.row):
            return node.row.record_id
        return f"{node.key_field}/{self._org.segment(node.row.external_id)}"


def _goes_by_id(row: Row) -> bool:
    return bool(row.record_id) and (not row.may_create or _UNFIT.search(row.external_id) is not None)


def _references(graph: Graph, place: int) -> dict[str, str]:
    found = {}
    for name, parent in graph[place].parents.items():
        if parent >= place:
            raise ValueError("a record of a graph comes before its parent")
        # A change by id has no answer that could be referred to.
        row = graph[parent].row
        found[name] = row.record_id if _goes_by_id(row) else f"@{{node{parent}.id}}"
    return found


def _left_out(graph: Graph) -> list[RowResult] | None:
    """What its records hear when a graph is not sent; None for one that is."""
    reasons = [_unsendable(node.row) for node in graph]
    if not any(reasons):
        return None
    other = RowResult(code=NOT_SENT, message="Another record of its graph cannot be sent.")
    return [reason or other for reason in reasons]


def _unsendable(row: Row) -> RowResult | None:
    if not row.may_create and not row.record_id:
        return RowResult(code="NOT_FOUND", message="The record is not there and may not be created.")
    if _UNFIT.search(row.external_id) and not _goes_by_id(row):
        return RowResult(code=NOT_SENT, message="Its external id does not fit into an address.")
    if any(map(reads_as_reference, (row.external_id, row.fields))):
        message = "A value has @{ in it, which a graph takes for a reference."
        return RowResult(code=NOT_SENT, message=message)
    return None


def _told(entry: Mapping[str, Any], graph: Graph) -> list[RowResult]:
    responses = {
        response["referenceId"]: response for response in entry["graphResponse"]["compositeResponse"]
    }
    named = [responses[f"node{place}"] for place in range(len(graph))]
    return list(_each_result(named, graph, is_written=entry["isSuccessful"]))


def _each_result(
    responses: Sequence[Mapping[str, Any]], graph: Graph, *, is_written: bool
) -> Iterator[RowResult]:
    for response, node in zip(responses, graph, strict=True):
        body = response["body"]
        if int(response["httpStatusCode"]) == 300:
            yield RowResult(
                code="DUPLICATE_EXTERNAL_ID", message=f"{len(body)} records have this external id."
            )
        elif isinstance(body, list):
            yield error_of(body[0])
        elif not is_written:
            yield RowResult(code=_HALTED, message="The transaction of its graph was rolled back.")
        elif body is None:
            yield RowResult(record_id=node.row.record_id)
        else:
            yield RowResult(record_id=str(body["id"]), created=bool(body.get("created")))
