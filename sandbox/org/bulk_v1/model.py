"""A job of Bulk API 1.0 and its batches, as they are kept and as clients read them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

JobState = Literal["Open", "Closed", "Aborted", "Failed"]
BatchState = Literal["Queued", "InProgress", "Completed", "Failed", "NotProcessed"]
QUERIES = ("query", "queryAll")
OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete", *QUERIES)
CONTENT_TYPES = ("CSV", "JSON", "XML")
UNFINISHED: tuple[BatchState, ...] = ("Queued", "InProgress")


@dataclass(slots=True)
class Batch:
    """One batch."""

    id: str
    """`751…`"""
    created_ms: int
    modified_ms: int
    state: BatchState = "Queued"
    message: str | None = None
    processed: int = 0
    failed: int = 0
    run_ms: int = 0
    result_id: str | None = None
    """`752…`; None while a query has no result."""
    rows: tuple[int, int] | None = None
    """A chunk of a query: its row numbers are above the first, up to the second. None for a whole
    query.
    """
    source: str | None = None
    """The batch whose query a chunk is a part of."""
    chunks_done: int = 0
    outcome_bytes: int = 0
    """Length of the outcomes when they were last written down."""


@dataclass(slots=True)
class ClassicJob:
    """One job with its batches in order."""

    id: str
    operation: str
    object_name: str
    content_type: str
    user_id: str
    version: float
    created_ms: int
    modified_ms: int
    origin: str
    state: JobState = "Open"
    concurrency: str = "Parallel"
    external_id: str | None = None
    assignment_rule_id: str | None = None
    chunk_rows: int | None = None
    """Rows of a chunk with PK chunking; None without."""
    chunk_from: str | None = None
    """The Id at which chunking begins; None at the first."""
    retries: int = 0
    batches: list[Batch] = field(default_factory=list)

    @property
    def is_query(self) -> bool:
        return self.operation in QUERIES

    def info(self) -> dict[str, object]:
        """The jobInfo (Bulk API 2.0 and Bulk API Developer Guide, "JobInfo")."""
        states = [batch.state for batch in self.batches]
        run_ms = sum(batch.run_ms for batch in self.batches)
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.object_name,
            "createdById": self.user_id,
            "createdDate": self.created_ms,
            "systemModstamp": self.modified_ms,
            "state": self.state,
            "externalIdFieldName": self.external_id,
            "assignmentRuleId": self.assignment_rule_id,
            "concurrencyMode": self.concurrency,
            "contentType": self.content_type,
            "numberBatchesQueued": states.count("Queued"),
            "numberBatchesInProgress": states.count("InProgress"),
            "numberBatchesCompleted": states.count("Completed"),
            "numberBatchesFailed": states.count("Failed"),
            "numberBatchesTotal": len(states),
            "numberRecordsProcessed": sum(batch.processed for batch in self.batches),
            "numberRetries": self.retries,
            "apiVersion": self.version,
            "numberRecordsFailed": sum(batch.failed for batch in self.batches),
            "totalProcessingTime": run_ms,
            "apiActiveProcessingTime": run_ms,
            "apexProcessingTime": 0,
        }

    def batch_info(self, batch: Batch) -> dict[str, object]:
        """A batchInfo (Bulk API 2.0 and Bulk API Developer Guide, "BatchInfo")."""
        return {
            "id": batch.id,
            "jobId": self.id,
            "state": batch.state,
            "stateMessage": batch.message,
            "createdDate": batch.created_ms,
            "systemModstamp": batch.modified_ms,
            "numberRecordsProcessed": batch.processed,
            "numberRecordsFailed": batch.failed,
            "totalProcessingTime": batch.run_ms,
            "apiActiveProcessingTime": batch.run_ms,
            "apexProcessingTime": 0,
        }


DATES = frozenset({"createdDate", "systemModstamp"})
"""Names whose values are times, in milliseconds; each format writes them in its own way."""


def time_text(epoch_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.000{zone}")
