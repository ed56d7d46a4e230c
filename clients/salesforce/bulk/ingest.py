"""Ingest jobs of Bulk API 2.0: a few calls for any number of rows (Bulk API 2.0 and Bulk API
Developer Guide, "Ingest Jobs").

Nothing is written before a job is closed, and a job is closed once. So every step may be
repeated: a job of which nobody remembers the id was never closed, and is aborted as an orphan.
Keep the id before you close.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from clients.salesforce.bulk.ingest_csv import ID, ingest_results
from clients.salesforce.collections import call_options
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.errors import CallRefusedError, UnavailableError
from schemas.governor import Budget, LeaseClass
from schemas.salesforce.limits import BULK_INTERNAL_BATCH_ROWS
from transforms.writeback.outcomes import RowResult
from transforms.writeback.row_errors import UNPROCESSED

_UPLOADED_BEFORE = "multiple contents"
"""The meaning of a second upload's refusal; its code is only `API_ERROR`."""


class IngestInfo(NamedTuple):
    """An ingest job as the org tells of it."""

    id: str
    object: str
    operation: str
    key_field: str
    """Of an upsert; empty for other operations."""
    state: str
    created_at: datetime
    """By the org's clock."""
    created_by: str
    processed: int
    """Rows that it came to, those that failed included."""
    failed: int
    error: str
    """The reason of the job's failure; empty else."""

    @property
    def is_closed(self) -> bool:
        """The org has taken it up, or has done with it."""
        return self.state in ("UploadComplete", "InProgress", "JobComplete", "Failed")

    @property
    def is_over(self) -> bool:
        """It writes nothing more. What it has written stays, also when it failed or was aborted."""
        return self.state in ("JobComplete", "Failed", "Aborted")

    @property
    def column(self) -> str:
        """The column of its file that names a row."""
        return self.key_field or ID

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "IngestInfo":
        """From the org's JSON."""
        return cls(
            id=str(entry["id"]),
            object=str(entry["object"]),
            operation=str(entry["operation"]),
            key_field=str(entry.get("externalIdFieldName") or ""),
            state=str(entry["state"]),
            created_at=datetime.fromisoformat(entry["createdDate"]),
            created_by=str(entry["createdById"]),
            processed=int(entry.get("numberRecordsProcessed") or 0),
            failed=int(entry.get("numberRecordsFailed") or 0),
            error=str(entry.get("errorMessage") or ""),
        )


class BulkIngest:
    """Ingest jobs of one org, paid for by one class. Every method raises as `OrgHttp.read`, and may be called again."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass = LeaseClass.WRITEBACK) -> None:
        self._org = org
        self._class = lease_class
        self._path = f"{org.data_path}/jobs/ingest"

    async def create(
        self, object_name: str, key_field: str, rows: int, batch: str, *, by_id: bool = False
    ) -> str:
        """Make a job for so many rows, which are paid for here; returns its id.

        Args:
            object_name: Of all rows.
            key_field: The external id field by which they are upserted.
            rows: How many.
            batch: Its id, under which the changes come back (`changeOrigin`).
            by_id: An update by id, which creates nothing, in place of the upsert.
        """
        body = {"object": object_name, "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
        kind = {"operation": "update"} if by_id else {"operation": "upsert", "externalIdFieldName": key_field}
        batches = -(-rows // BULK_INTERNAL_BATCH_ROWS)
        also = {Budget.INGEST_BATCHES: batches, Budget.INGEST_ROWS: rows}
        made = await self._org.read(
            Call(
                "POST",
                self._path,
                self._class,
                body={**body, **kind},
                headers=call_options(batch),
                also=also,
            )
        )
        return str(made.json()["id"])

    async def upload(self, job: str, content: bytes, *, is_long: bool = False) -> None:
        """Give the job its file, once: what it has already stays, so a repeated upload must be of
        the same file.

        With `is_long` it may take 20 seconds or more.
        """
        try:
            await self._org.read(
                Call(
                    "PUT",
                    f"{self._path}/{job}/batches",
                    self._class,
                    body=content,
                    headers={"Content-Type": "text/csv"},
                    is_long=is_long,
                )
            )
        except CallRefusedError as error:
            info = await self.info(job)
            if not (info.is_closed or (info.state == "Open" and _UPLOADED_BEFORE in error.words)):
                raise

    async def close(self, job: str) -> IngestInfo:
        """Let the org write the rows; returns how far the job is then, which may be beyond.

        Look at `is_closed`: a job that was aborted can be closed no more.
        """
        try:
            # Paid for when it was made; named, so that a refusal for the day's quota stops the budget.
            return await self._set_state(job, "UploadComplete", also={Budget.INGEST_BATCHES: 0})
        except (CallRefusedError, UnavailableError):
            # It was closed before, or was closed just now though the answer is lost.
            info = await self.info(job)
            if info.state == "Open":
                raise
            return info

    async def info(self, job: str) -> IngestInfo:
        """How far the job is. Raises `CallRefusedError` with `is_missing` when the org knows it no more."""
        return IngestInfo.of(await self._get(f"{self._path}/{job}"))

    async def results(self, info: IngestInfo, keys: Collection[str]) -> dict[str, RowResult]:
        """Row results of a finished job, by external id (by record id in an update).

        A row that the job did not come to, or that it lists nowhere, has `UNPROCESSED`: a chunk
        that was tried again may have written it. Up to two calls.
        """
        why = info.error or f"The job is {info.state} and does not list the row."
        found = dict.fromkeys(keys, RowResult(code=UNPROCESSED, message=why))
        is_whole = info.state == "JobComplete"
        for part, is_empty in (
            ("successfulResults", is_whole and info.processed == info.failed),
            ("failedResults", is_whole and not info.failed),
        ):
            if is_empty:
                continue
            path, headers = f"{self._path}/{info.id}/{part}/", {"Accept": "text/csv"}
            content = (await self._org.read(Call("GET", path, self._class, headers=headers))).content
            listed = await asyncio.to_thread(_listed, content, info.column)
            found |= {key: result for key, result in listed.items() if key in found}
        return found

    async def abort(self, job: str) -> IngestInfo:
        """Stop the job; what it has written stays. Returns how far it was: one that is over is left
        as it is.
        """
        try:
            return await self._set_state(job, "Aborted")
        except CallRefusedError:
            return await self.info(job)

    async def orphans(
        self, object_name: str, created_by: str, before: datetime, known: Collection[str]
    ) -> list[str]:
        """Ids of open jobs of ours that nobody knows: never closed, they wrote nothing, and can be
        aborted.

        Args:
            object_name: Of the jobs.
            created_by: Our user's id; others' jobs are left alone.
            before: By the org's clock; younger ones may be in somebody's hands.
            known: Jobs that belong to a batch.
        """
        found: list[str] = []
        path, params = self._path, {"jobType": "V2Ingest"}
        while path:
            answer = await self._get(path, params)
            jobs = map(IngestInfo.of, answer["records"])
            found += [
                job.id
                for job in jobs
                if job.state == "Open"
                and (job.object, job.created_by) == (object_name, created_by)
                and job.created_at < before
                and job.id not in known
            ]
            path, params = answer.get("nextRecordsUrl") or "", {}
        return found

    async def abort_all(self, jobs: Sequence[str]) -> None:
        """Abort each, one after the other."""
        for job in jobs:
            await self.abort(job)

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return (await self._org.read(Call("GET", path, self._class, params=params))).json()

    async def _set_state(self, job: str, state: str, also: Mapping[Budget, int] | None = None) -> IngestInfo:
        body = {"state": state}
        call = Call("PATCH", f"{self._path}/{job}", self._class, body=body, also=also or {})
        return IngestInfo.of((await self._org.read(call)).json())


def _listed(content: bytes, column: str) -> dict[str, RowResult]:
    return dict(ingest_results(content, column))
