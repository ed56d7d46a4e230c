"""Asks Temporal: the namespace, its search attributes, how long it keeps closed workflows, and who
polls the task queues.
"""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.task_queues import QUEUES
from schemas import names
from schemas.doctor import RETENTION_LEAST, CheckResult, ok, warning, wrong
from schemas.errors import UnavailableError

_RPC = timedelta(seconds=5)


async def examine_namespace(client: Client, address: str) -> list[CheckResult]:
    """Check that the namespace is there, and how long it keeps closed workflows."""
    name = client.namespace
    request = DescribeNamespaceRequest(namespace=name)
    try:
        described = await client.workflow_service.describe_namespace(request, timeout=_RPC)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            remedy = (
                f"temporal operator namespace create --namespace {name} --retention 720h --address {address}, "
                "or correct TIDEGATE_TEMPORAL__NAMESPACE."
            )
            return [
                wrong("temporal.namespace_missing", f"{address} has no namespace {name}", remedy, where=name)
            ]
        raise _unanswered(error) from error
    found = [ok("temporal.connection", f"{address} answers and has the namespace {name}")]
    kept = _timedelta(described.config.workflow_execution_retention_ttl)
    if kept < RETENTION_LEAST:
        remedy = f"temporal operator namespace update --namespace {name} --retention 720h --address {address}"
        told = f"closed workflows are kept {_days(kept)}; a backfill that is done may then be made again"
        return [*found, warning("temporal.retention_short", told, remedy, where=name)]
    return [*found, ok("temporal.retention", f"closed workflows are kept {_days(kept)}", where=name)]


async def examine_search_attributes(client: Client, address: str) -> list[CheckResult]:
    """Check that every search attribute is registered with the type that the engine writes."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        listed = await client.operator_service.list_search_attributes(request, timeout=_RPC)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []  # there is no namespace, and its own finding says so
        raise _unanswered(error) from error
    there = {name: _type_name(kind) for name, kind in listed.custom_attributes.items()}
    found = []
    for name, wanted in names.SEARCH_ATTRIBUTES.items():
        at = f"--namespace {client.namespace} --address {address}"
        create = f"temporal operator search-attribute create --name {name} --type {wanted} {at}"
        if name not in there:
            told = f"{name} is not registered, so no workflow that carries it can start"
            found.append(wrong("temporal.search_attribute_missing", told, create, where=name))
        elif there[name] != wanted:
            remedy = f"temporal operator search-attribute remove --name {name} {at}, then {create}"
            told = f"{name} is {there[name]}, and the engine writes {wanted}"
            found.append(wrong("temporal.search_attribute_type", told, remedy, where=name))
    return found or [ok("temporal.search_attributes", f"all {len(names.SEARCH_ATTRIBUTES)} are registered")]


async def examine_workers(client: Client) -> list[CheckResult]:
    """Check that each task queue has a poller: a server remembers pollers for five minutes."""
    idle = [queue for queue, (kind, _) in QUEUES.items() if not await _is_polled(client, queue, kind)]
    if not idle:
        return [ok("temporal.workers", f"all {len(QUEUES)} task queues are polled")]
    if len(idle) == len(QUEUES):
        told = "no worker polls any task queue: the engine is not running"
        return [warning("temporal.no_worker", told, "tidegate worker --role all", where="every queue")]
    return [
        warning(
            "temporal.no_worker",
            f"no worker polls {queue}; its tasks wait",
            f"tidegate worker{'' if QUEUES[queue][1] == 'any' else f' --role {QUEUES[queue][1]}'}",
            where=queue,
        )
        for queue in idle
    ]


async def _is_polled(client: Client, queue: str, kind: int) -> bool:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.ValueType(kind),
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request, timeout=_RPC)).pollers)
    except RPCError as error:
        raise _unanswered(error) from error


def _unanswered(error: RPCError) -> UnavailableError:
    return UnavailableError(system="Temporal", detail=f"{error.status.name}: {error.message}")


def _type_name(kind: int) -> str:
    """`KeywordList` of INDEXED_VALUE_TYPE_KEYWORD_LIST."""
    words = IndexedValueType.Name(IndexedValueType.ValueType(kind)).removeprefix("INDEXED_VALUE_TYPE_")
    return "".join(word.title() for word in words.split("_"))


def _timedelta(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds)


def _days(kept: timedelta) -> str:
    return f"{kept.total_seconds() / 86_400:g} days"
