"""The ID grammar: workflow ids and object-store keys, derived from what they stand for and from
nothing else.

The same lane, position or object gives the same id on every machine and after every crash; that
is what makes a second start, a second upload or a second follower harmless. Ids stay below 255
bytes and hold no PII.
"""

import hashlib
from datetime import datetime
from urllib.parse import quote

ORIGIN = "origin"
"""The position before a lane's first batch."""


def lane_workflow_id(org: str, lane: str) -> str:
    return f"lane/{org}/{lane}"


def governor_workflow_id(org: str) -> str:
    return f"governor/{org}"


def planner_workflow_id(org: str) -> str:
    return f"planner/{org}"


def backfill_workflow_id(org: str, object_name: str, window: str) -> str:
    """The same window of the same object is the same backfill."""
    return f"backfill/{org}/{object_name}/{window}"


def replay_workflow_id(org: str, key: str) -> str:
    """The same key is the same replay."""
    return f"replay/{org}/{key}"


def reconcile_workflow_id(org: str, object_name: str, window: str) -> str:
    """The same window of the same object is the same reconciliation."""
    return f"reconcile/{org}/{object_name}/{window}"


def describe_key(org: str, object_name: str) -> str:
    """The org's describe of an object's fields, as it was cached last."""
    return f"describe/{org}/{object_name}.json"


def writeback_queue_id(org: str, object_name: str) -> str:
    """The queue of one object's writebacks."""
    return f"writebacks/{org}/{object_name}"


def writeback_batch_name(first: int, tries: int) -> str:
    """A batch of writebacks, by its first one and how often batches began with that before."""
    return f"{first}.{tries}"


def writeback_batch_id(org: str, object_name: str, batch: str) -> str:
    """The workflow that brings one batch of writebacks into the org."""
    return f"writeback/{org}/{object_name}/{batch}"


def webhook_workflow_id(org: str, name: str) -> str:
    """The workflow that has a webhook's changes delivered while it is active."""
    return f"webhook/{org}/{name}"


def preview_workflow_id(org: str, name: str) -> str:
    """A dry run of writebacks."""
    return f"preview/{org}/{name}"


def preview_key(org: str, name: str) -> str:
    """The writebacks of a dry run in the object store, personal values as tokens; gone when it has
    been answered.
    """
    return f"preview/{org}/{name}.json"


def preview_result_key(key: str) -> str:
    """The outcome of a dry run."""
    return f"{key}.result"


def intake_prefix(org: str) -> str:
    """Where files of writebacks are put to be read by reference; no other key of the bucket is read
    so.
    """
    return f"intake/{org}/"


def intake_prefix_of(org: str, caller: str) -> str:
    """Where one caller of the API puts its files: a writer has no other one's read."""
    return f"{intake_prefix(org)}{quote(caller, safe='@')}/"


def intake_refusals_key(org: str, file_key: str) -> str:
    """The refused rows of a file of writebacks: their numbers, keys and faults, without values."""
    return f"intake-refused/{org}/{file_key.removeprefix(intake_prefix(org))}.ndjson"


def schedule_id(org: str, what: str) -> str:
    """A Temporal schedule. The server adds the time to the id of each workflow that it starts."""
    return f"schedule/{org}/{what}"


def repair_workflow_id(org: str) -> str:
    return f"repair/{org}"


def drift_workflow_id(org: str) -> str:
    """A check that somebody asks for; a schedule adds the time to the ids of its own."""
    return f"drift/{org}"


def model_workflow_id(org: str) -> str:
    """A build of the reporting model; a schedule adds the time to the ids of its own."""
    return f"model/{org}"


def export_workflow_id(org: str) -> str:
    """An export of curated tables; a schedule adds the time to the ids of its own."""
    return f"export/{org}"


def refresh_workflow_id(org: str, object_name: str, name: str = "") -> str:
    """`name` tells apart what may run at once; empty for the usual one."""
    return f"refresh/{org}/{object_name}" + (f"/{name}" if name else "")


def batch_workflow_id(org: str, lane: str, start: str) -> str:
    """The batch that starts after position `start` has one workflow, forever."""
    return f"batch/{org}/{lane}/{start}"


def batch_of_workflow(workflow_id: str) -> str | None:
    """Name in tables of the batch that a workflow brings in, or out; None for other workflows."""
    kind, _, rest = workflow_id.partition("/")
    return rest.partition("/")[2] if kind in ("batch", "writeback") else None


def trace_id_of(workflow_id: str) -> str:
    """Trace id of a workflow's work, 32 hex digits.

    It is derived, so each process, restart and second try joins the same trace and nothing is
    stored.
    """
    return hashlib.sha256(workflow_id.encode()).hexdigest()[:32]


def root_span_id_of(workflow_id: str) -> str:
    """Span id of the first span in a workflow's trace, 16 hex digits: to link there without
    storing it.
    """
    return hashlib.sha256(workflow_id.encode()).hexdigest()[32:48]


def is_page_batch(workflow_id: str) -> bool:
    """True for a batch that a backfill, a repair or a refresh has landed, a page of rows."""
    kind, _, rest = workflow_id.partition("/")
    return kind == "batch" and rest.partition("/")[2].startswith(PAGE_LANES)


def batch_name(lane: str, start: str) -> str:
    """Name of a batch in tables: unique in one warehouse, which holds one org."""
    return f"{lane}/{start}"


def padded(position: str) -> str:
    """The position so that object-store listings sort as the lane does: 7 -> 00000000000000000007.

    Of a polled position the number before the record id is padded.
    """
    number, dash, record_id = position.partition("-")
    return f"{number.zfill(20)}{dash}{record_id}" if number.isdigit() else position


def batch_of_name(batch: str) -> tuple[str, str]:
    """Lane and start of a batch by its name in tables."""
    lane, _, start = batch.rpartition("/")
    return lane, start


def chain_prefix(org: str, lane: str = "") -> str:
    """Where the manifests of a lane lie; without a lane those of every lane."""
    return f"chain/{org}/{lane}/" if lane else f"chain/{org}/"


def raw_prefix(org: str, lane: str) -> str:
    """Where the raw files of a lane lie, by day."""
    return f"raw/{org}/{lane}/"


def raw_day(at: datetime) -> str:
    """The folder of the raw files of a day (UTC)."""
    return f"dt={at:%Y-%m-%d}"


def manifest_key(org: str, lane: str, start: str) -> str:
    """Law 2: the manifest's key is the position where its batch starts, so only one can be
    created.
    """
    return f"{chain_prefix(org, lane)}{padded(start)}.json"


def manifest_prefix(org: str, lane: str) -> str:
    """The prefix of the keys of a lane's manifests."""
    return f"chain/{org}/{lane}/"


def raw_key(org: str, lane: str, start: str, digest: str, at: datetime) -> str:
    """A raw file, by day of landing. `digest` (hex) keeps two followers' files apart."""
    return f"{raw_prefix(org, lane)}{raw_day(at)}/{raw_name(start, digest)}"


def raw_name(start: str, digest: str) -> str:
    """The last part of a raw file's key."""
    return f"{padded(start)}-{digest[:16]}.parquet"


def staged_key(org: str, lane: str, start: str, table: str) -> str:
    """The typed changes of one object of one batch."""
    return f"staged/{org}/{lane}/{padded(start)}/{table}.parquet"


def refused_key(org: str, lane: str, start: str, object_name: str) -> str:
    """The refused changes of one object of one batch, on their way to quarantine."""
    return f"staged/{org}/{lane}/{padded(start)}/{object_name}.refused.parquet"


READING_LANES = ("backfill-", "reread-")
"""Prefix of the lanes that backfills make."""
PAGE_LANES = (*READING_LANES, "refresh-")
"""Prefix of the lanes whose batches are pages of rows that were read."""


def lane_kind(lane: str) -> str:
    """`lane` for one that follows or polls; else what reads it: backfill, reread or refresh."""
    kind, dash, _ = lane.partition("-")
    return kind if dash and kind in ("backfill", "reread", "refresh") else "lane"


def part_lane(table: str, window: str, part: int, attempt: int) -> str:
    """The lane that the pages of a backfill's part make: a query job's own."""
    return f"backfill-{table}-{window}-{part:04d}.{attempt}"


def records_lane(table: str, window: str, ids: str) -> str:
    """The lane that records make which are read by their ids; `ids` is the key of their list.

    Its positions are places in the list, so another list is another lane.
    """
    return f"reread-{table}-{window}-{hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def fields_lane(table: str, reading: int, group: int) -> str:
    """The lane that some fields make which one refresh has read."""
    return f"refresh-{table}-{reading:013d}.{group}"


def job_intent_key(org: str, lane: str) -> str:
    """Intent to make a query job for a lane, with its query."""
    return f"jobs/{org}/{lane}/intent.json"


def job_key(org: str, lane: str) -> str:
    """The one query job of a lane."""
    return f"jobs/{org}/{lane}/job.json"


def job_result_key(org: str, lane: str) -> str:
    """The org's counts for the job's result, once it is complete."""
    return f"jobs/{org}/{lane}/result.json"


def backfill_plan_key(org: str, object_name: str, window: str) -> str:
    """The parts into which a backfill was divided when it was first begun."""
    return f"plans/{org}/{object_name}/{window}.json"


def backfill_rate_key(org: str, object_name: str) -> str:
    """Speed of the last whole backfill of the object."""
    return f"rates/{org}/{object_name}.json"


def ids_key(org: str, digest: str) -> str:
    """A list of record ids, by the SHA-256 (hex) of its content."""
    return f"ids/{org}/{digest}.json"


def reconcile_key(org: str, object_name: str, run: str, name: str) -> str:
    """Stored parts of one reconciliation: its report, and the results that its steps hand on."""
    return f"reconcile/{org}/{object_name}/{run}/{name}"


def refresh_key(org: str, object_name: str) -> str:
    """Position in the change log up to which refreshes of an object have read it."""
    return f"refresh/{org}/{object_name}.json"
