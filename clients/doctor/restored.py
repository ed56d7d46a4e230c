"""Hold the stores against each other: one that came back from an older backup than the rest is
behind them, and nothing else says so.

The bucket is never older: its objects are versioned, and anchors are locked. So the ledger is held
against the chain, and the audit log against its anchors.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from clients.audit.anchors import Anchors
from clients.concurrency import in_daemon_thread
from clients.database.address import Database
from clients.database.audit_log import AuditLog
from clients.doctor.warehouse import WarehouseAddress, connected
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import ledger as sql
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.ids import ORIGIN
from schemas.ingest.raw import Manifest

_LOOKED_BACK = timedelta(days=3)
"""How long ago the batch before a missing one may have been committed. Salesforce keeps events for
as long.
"""
_MOST_ENDS = 200
"""Ends of chains that one look follows, the newest first."""
_AT_ONCE = 16
_MOST_EMPTY = 50
"""Batches without changes that are passed over; the ledger has no row of them."""
_STARTED_WITHIN = timedelta(minutes=10)
"""A batch without a workflow that was landed within this time may still be started."""
_PAGE = "docs/deploy.md#backup-and-restore"


@dataclass(frozen=True)
class Stores:
    """The warehouse, and the bucket that its ledger is held against."""

    org: str
    warehouse: WarehouseAddress
    objects: ObjectStore


async def examine_ledger(stores: Stores, client: Client | None) -> list[CheckResult]:
    """Check that the ledger has every batch that was landed and whose workflow has ended.

    Args:
        stores: The warehouse and the bucket.
        client: Of Temporal, to tell a batch that is under way. None = Temporal does not answer, so
            this is unknown.
    """
    landed, checked = await in_daemon_thread(_landed_after_ends, stores)
    if landed and client is None:
        told = "Temporal does not answer, so batches that are under way are not known"
        return [not_asked("warehouse.chain", told, "See what doctor says of Temporal, then run it again.")]
    ended = [each for each in landed if client is not None and await _has_ended(client, each)]
    missing = await in_daemon_thread(_not_in_ledger, stores, ended) if ended else []
    if not missing:
        return [ok("warehouse.chain", f"the ledger goes as far as the chains of {checked} lanes")]
    since = min(each.first_received_at for each in missing).astimezone(UTC)
    lanes = ", ".join(sorted({each.lane for each in missing}))
    told = (
        f"batches of {lanes} were landed and are not in the ledger, the first of {since:%Y-%m-%d %H:%M:%S} UTC: "
        "the warehouse was restored from an older backup than the bucket"
    )
    remedy = (
        f"tidegate replay --since {since:%Y-%m-%dT%H:%M:%SZ}; then run erasures since then again: {_PAGE}"
    )
    return [wrong("warehouse.behind_chain", told, remedy, where=missing[0].lane)]


def examine_audit_log(dsn: Database, anchors: Anchors | None) -> list[CheckResult]:
    """Check that the audit log reaches its last anchor. Blocks. `anchors` None: there are none."""
    if anchors is None:
        return []
    with closing(AuditLog(dsn)) as log:
        head, _ = log.head()
    last = anchors.last_number(head)
    if head >= last:
        return [ok("operational.anchors", f"the audit log reaches row {head}, anchors reach row {last}")]
    told = (
        f"the audit log ends at row {head}, and row {last} was anchored: "
        "the operational store was restored from an older backup, or rows were deleted"
    )
    remedy = f"Bring a newer backup back, or go on without what it lacks: {_PAGE}. tidegate audit verify names the rows."
    return [wrong("operational.behind_anchors", told, remedy)]


def _landed_after_ends(stores: Stores) -> tuple[list[Manifest], int]:
    """The batches that follow an end of the ledger, and how many lanes have one."""
    since = datetime.now(UTC) - _LOOKED_BACK
    with translated_psycopg("the warehouse"), connected(stores.warehouse) as connection:
        ends = connection.execute(sql.find_chain_ends(_MOST_ENDS).encode(), [since]).fetchall()
        is_empty = connection.execute(sql.find_ledger_beginning().encode()).fetchone() == (None,)
    if is_empty:
        ends = [(lane, ORIGIN) for lane in _first_lanes(stores)]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chain-ends") as pool:
        found = pool.map(lambda end: _next_with_changes(stores, str(end[0]), str(end[1])), ends)
        return [each for each in found if each is not None], len({end[0] for end in ends})


def _first_lanes(stores: Stores) -> Iterator[str]:
    """The lane of the first manifest of all, if there is one: an empty ledger lacks it."""
    for key in islice(stores.objects.keys(f"chain/{stores.org}/"), 1):
        yield key.split("/")[2]


def _next_with_changes(stores: Stores, lane: str, position: str) -> Manifest | None:
    chain = Chain(stores.objects, org=stores.org, lane=lane)
    return next((each for each in islice(chain.walk(position), _MOST_EMPTY) if each.changes), None)


async def _has_ended(client: Client, manifest: Manifest) -> bool:
    try:
        described = await client.get_workflow_handle(manifest.workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return datetime.now(UTC) - manifest.last_received_at > _STARTED_WITHIN
    return described.status is not WorkflowExecutionStatus.RUNNING


def _not_in_ledger(stores: Stores, manifests: Sequence[Manifest]) -> list[Manifest]:
    """Asked last: a batch may have been applied meanwhile."""
    with translated_psycopg("the warehouse"), connected(stores.warehouse) as connection:
        statement = sql.find_batch_beginning().encode()
        return [
            each
            for each in manifests
            if connection.execute(statement, [each.batch]).fetchone() == (None, None)
        ]
