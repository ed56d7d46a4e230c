"""Composite, batch and graph: several calls in one (REST API Developer Guide, "Composite
Resources").
"""

import asyncio
from typing import Any

from starlette.responses import Response

from sandbox.org.composite.dispatch import Subrequest, Subresponse, perform, resource
from sandbox.org.composite.errors import batch_halted, halted, invalid_request, limit_exceeded
from sandbox.org.composite.model import flag
from sandbox.org.composite.references import mentioned
from sandbox.org.composite.requests import Step, response_body, run, run_all_or_none, steps_of
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.rest.call import Call, json_response
from schemas.salesforce.limits import (
    COMPOSITE_MAX_QUERIES,
    COMPOSITE_MAX_REQUESTS,
    GRAPH_DEPTH_MAX,
    GRAPH_FAILURES_MAX,
    GRAPH_KINDS_MAX,
    GRAPH_NODES_MAX,
    GRAPHS_MAX,
)

_GRAPHS_FROM = 50.0


async def addresses(call: Call) -> Response:
    """`GET /composite`: the family's addresses (REST API Developer Guide, "Composite
    Resources").
    """
    names = ("tree", "batch", "sobjects", "graph")
    return json_response({name: f"{call.base}/composite/{name}" for name in names})


async def composite(call: Call) -> Response:
    """`POST /composite`: up to 25 calls that may refer to one another, one API call in all (REST
    API Developer Guide, "Composite").
    """
    body = await call.json_object()
    steps = steps_of(body)
    if len(steps) > COMPOSITE_MAX_REQUESTS:
        raise limit_exceeded(f"The composite request has more than {COMPOSITE_MAX_REQUESTS} subrequests")
    if sum(_is_costly(step) for step in steps) > COMPOSITE_MAX_QUERIES:
        raise limit_exceeded(
            f"The composite request has more than {COMPOSITE_MAX_QUERIES} query or sObject collection subrequests"
        )
    # Subrequests run in the order given whether or not the client lets Salesforce gather them.
    flag(body, "collateSubrequests")
    found = run_all_or_none(call, steps)[0] if flag(body, "allOrNone") else await run(call, steps)
    return json_response(response_body(steps, found))


async def batch(call: Call) -> Response:
    """`POST /composite/batch`: up to 25 independent calls, each counted as one (REST API Developer
    Guide, "Composite Batch").
    """
    body = await call.json_object()
    entries = body.get("batchRequests")
    if not isinstance(entries, list) or not entries:
        raise SalesforceError("MISSING_ARGUMENT", "The required field 'batchRequests' is missing or empty")
    if len(entries) > COMPOSITE_MAX_REQUESTS:
        raise limit_exceeded(f"The batch request has more than {COMPOSITE_MAX_REQUESTS} subrequests")
    subs = [_batch_request(entry) for entry in entries]
    halts = flag(body, "haltOnError")
    call.org.count_call(call.client_id, len(subs) - 1)
    found: list[Subresponse] = []
    for sub in subs:
        stopped = halts and any(response.failed for response in found)
        found.append(Subresponse.refusal(batch_halted()) if stopped else await perform(call, sub))
    results = [{"statusCode": response.status, "result": response.body} for response in found]
    return json_response({"hasErrors": any(response.failed for response in found), "results": results})


async def graph(call: Call) -> Response:
    """`POST /composite/graph`: graphs of calls, each a transaction (REST API Developer Guide,
    "Composite Graphs").
    """
    if call.version < _GRAPHS_FROM:
        raise not_found()
    graphs = _graphs(await call.json_object())
    results: list[dict[str, object]] = []
    failures = 0
    for graph_id, steps in graphs:
        if failures > GRAPH_FAILURES_MAX:
            found, succeeded = [Subresponse.refusal(halted())] * len(steps), False
        else:
            found, succeeded = run_all_or_none(call, steps)
        failures += not succeeded
        results.append(
            {
                "graphId": graph_id,
                "graphResponse": response_body(steps, found),
                "isSuccessful": succeeded,
            }
        )
        await asyncio.sleep(0)
    return json_response({"graphs": results})


def _is_costly(step: Step) -> bool:
    return resource(step.url).startswith(("/query", "/composite/sobjects"))


def _batch_request(entry: Any) -> Subrequest:
    """`v67.0/limits` and `/services/data/v67.0/limits` are the same."""
    if not isinstance(entry, dict):
        raise invalid_request("A subrequest must be an object")
    method, url = entry.get("method"), entry.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        raise invalid_request("A subrequest needs method and url")
    if not url.startswith("/services/data/"):
        url = f"/services/data/{url.lstrip('/')}"
    return Subrequest(method, url, entry.get("richInput"))


def _graphs(body: dict[str, Any]) -> list[tuple[str, list[Step]]]:
    entries = body.get("graphs")
    if not isinstance(entries, list) or not entries:
        raise SalesforceError("MISSING_ARGUMENT", "The required field 'graphs' is missing or empty")
    if len(entries) > GRAPHS_MAX:
        raise limit_exceeded(f"The request has more than {GRAPHS_MAX} graphs")
    graphs: list[tuple[str, list[Step]]] = []
    for entry in entries:
        graph_id = entry.get("graphId") if isinstance(entry, dict) else None
        if not isinstance(graph_id, str) or any(graph_id == other for other, _ in graphs):
            raise invalid_request(f"Provided graphId is missing or not unique: {graph_id}")
        steps = steps_of(entry)
        _check_shape(graph_id, steps)
        graphs.append((graph_id, steps))
    if sum(len(steps) for _, steps in graphs) > GRAPH_NODES_MAX:
        raise limit_exceeded(f"The request has more than {GRAPH_NODES_MAX} nodes")
    return graphs


def _check_shape(graph_id: str, steps: list[Step]) -> None:
    """A graph's depth is its longest chain of references; its kinds are the different methods and
    resources.
    """
    depths: dict[str, int] = {}
    for step in steps:
        earlier = mentioned([step.url, step.body])
        depths[step.reference_id] = 1 + max((depths.get(name, 0) for name in earlier), default=0)
    if max(depths.values()) > GRAPH_DEPTH_MAX:
        raise limit_exceeded(f"The graph {graph_id} is deeper than {GRAPH_DEPTH_MAX}")
    kinds = {
        (step.method.upper(), "/".join(resource(step.url).split("?")[0].split("/")[:3])) for step in steps
    }
    if len(kinds) > GRAPH_KINDS_MAX:
        raise limit_exceeded(f"The graph {graph_id} has more than {GRAPH_KINDS_MAX} kinds of nodes")
