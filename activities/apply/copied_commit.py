"""A batch in the read copy, then in the warehouse.

Each has its own ledger. A batch that failed between the two is done again, and the copy's ledger
answers that it has it. The copy is written first, so it never lacks what the warehouse has.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.ingest.messages import ApplyInput, ApplyResult


class Commits(Protocol):
    """Applies batches, together with others that wait."""

    async def submit(self, item: ApplyInput) -> ApplyResult:
        """Apply the batch; returns when it is committed. Raises what its own apply raised."""


class CopiedCommit:
    """Applies a batch to several warehouses, one after the other."""

    def __init__(self, commits: Sequence[Commits]) -> None:
        """`commits`: of the copy first, of the warehouse last, whose answer counts."""
        *self._copies, self._own = commits

    async def submit(self, item: ApplyInput) -> ApplyResult:
        """Apply the batch to all of them; raises what the first one raised that could not."""
        for each in self._copies:
            await each.submit(item)
        return await self._own.submit(item)
