"""A bulk job: what was asked, how far it is, and how a client reads it.

A job is written down as a whole after every step, so a restart finds it as it was last seen.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["V2Query", "V2Ingest", "Classic"]
State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]

FINISHED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass(slots=True)
class Job:
    """One job of Bulk API 2.0."""

    id: str
    """`750…`, 18 characters."""
    kind: Kind
    operation: str
    object_name: str
    user_id: str
    version: float
    """Of the call that made it; every later call must use the same."""
    created_ms: int
    modified_ms: int
    state: State
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    origin: str = ""
    """`changeOrigin` of what it writes."""
    soql: str = ""
    pk_chunking: bool = False
    """Whether its query can be split by primary key: no LIMIT and no ORDER BY."""
    external_id: str | None = None
    assignment_rule_id: str | None = None
    error: str | None = None
    processed: int = 0
    """Rows read, or rows written and refused together."""
    failed: int = 0
    retries: int = 0
    run_ms: int = 0
    """How long it was worked on."""
    started_ms: int | None = None
    page_rows: int = 0
    """Rows of a page when the client does not ask; fixed when the job completes, so that pages stay
    as they are.
    """
    batches_done: list[int] = field(default_factory=list)
    """Internal batches that are wholly processed, in that order."""
    chunks_done: int = 0
    """Chunks processed of the batch that is in work."""
    result_bytes: list[int] = field(default_factory=lambda: [0, 0])
    """Lengths of the two result files when it was last written down; what is beyond is forgotten at
    a restart.
    """

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def separator(self) -> str:
        return DELIMITERS[self.delimiter]

    @property
    def newline(self) -> str:
        return LINE_ENDINGS[self.line_ending]

    def info(self) -> dict[str, object]:
        """JobInfo as the call that makes or changes the job answers it (Bulk API 2.0 and Bulk API
        Developer Guide, "Create a Job").
        """
        found: dict[str, object] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object_name,
            "createdById": self.user_id,
            "createdDate": datetime_text(self.created_ms),
            "systemModstamp": datetime_text(self.modified_ms),
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version,
        }
        if self.external_id is not None:
            found["externalIdFieldName"] = self.external_id
        if self.assignment_rule_id is not None:
            found["assignmentRuleId"] = self.assignment_rule_id
        if self.kind == "V2Ingest" and self.state == "Open":
            found["contentUrl"] = f"services/data/v{self.version:.1f}/jobs/ingest/{self.id}/batches"
        return found | {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}

    def entry(self) -> dict[str, object]:
        """JobInfo as a list shows it."""
        listed = self.info() | {"jobType": self.kind}
        if self.kind == "V2Query":
            listed["isPkChunkingSupported"] = self.pk_chunking
        return listed

    def details(self) -> dict[str, object]:
        """JobInfo as `GET` of one job answers it."""
        found = self.entry() | {
            "numberRecordsProcessed": self.processed,
            "retries": self.retries,
            "totalProcessingTime": self.run_ms,
        }
        if self.kind == "V2Ingest":
            found["numberRecordsFailed"] = self.failed
            found["apiActiveProcessingTime"] = self.run_ms
            found["apexProcessingTime"] = 0
        if self.error is not None:
            found["errorMessage"] = self.error
        return found


def datetime_text(epoch_ms: int) -> str:
    """`2026-07-01T08:00:00.000+0000`."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
