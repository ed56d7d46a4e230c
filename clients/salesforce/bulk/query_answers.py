"""The org's answers about a query job: how far it is, and pages of its result (Bulk API 2.0 and
Bulk API Developer Guide, "Query Jobs").
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import httpx

from schemas.errors import UnavailableError


class BulkPage(NamedTuple):
    """One page of results."""

    csv: bytes
    """With its header line."""
    next_locator: str | None
    """None after the last page."""
    rows: int
    """As the org counts them."""


def told_rows(response: httpx.Response) -> int:
    """Rows of a page by its header; -1 = it does not say."""
    return int(response.headers.get("Sforce-NumberOfRecords", -1))


class PageStream:
    """One page of results on its way."""

    def __init__(self, response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
        self.rows = told_rows(response)
        """As the org counts them; -1 = it does not say."""
        self.bytes = 0
        """That have come so far."""
        self.is_broken = False
        """The answer did not come to its end."""
        self._pieces = pieces

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The CSV with its header line, once; raises `UnavailableError` when it breaks off."""
        try:
            async for piece in self._pieces:
                self.bytes += len(piece)
                yield piece
        except UnavailableError:
            self.is_broken = True
            raise


class JobInfo(NamedTuple):
    """A query job as the org tells of it."""

    id: str
    object: str
    state: str
    created_at: datetime
    """By the org's clock."""
    rows: int
    """Of its result, once it is complete."""
    error: str
    """The reason of the failure; empty else."""

    @property
    def is_dead(self) -> bool:
        """It will never have a result."""
        return self.state in ("Failed", "Aborted")

    @property
    def is_over(self) -> bool:
        """It is at work no more."""
        return self.is_dead or self.state == "JobComplete"

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "JobInfo":
        """From the org's JSON."""
        return cls(
            id=str(entry["id"]),
            object=str(entry["object"]),
            state=str(entry["state"]),
            created_at=datetime.fromisoformat(entry["createdDate"]),
            rows=int(entry.get("numberRecordsProcessed") or 0),
            error=str(entry.get("errorMessage") or ""),
        )
