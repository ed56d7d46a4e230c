"""How a batch of writebacks is brought into the org: by collections, or by an ingest job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.record_writes import CompositeWrites, Row, RowResult
from schemas.catalogue import ObjectSpec
from transforms.writeback_decisions import Outcome, ToSend
from transforms.writeback_results import outcome_of

Outcomes = dict[str, Outcome]
"""Record -> outcome."""


@dataclass
class Collections:
    """Up to a thousand rows in one call."""

    writes: CompositeWrites

    async def send(self, spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], batch: str) -> Outcomes:
        """Outcomes by record; those are missing whose row's result leaves it open. Raises as `CompositeWrites.write`."""
        rows = [Row(entry.external_id, entry.fields, entry.may_create, entry.record_id) for entry in entries]
        results = await self.writes.write(spec.name, key_field, rows, batch)
        return outcomes_of(spec, key_field, entries, results)


def outcomes_of(
    spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], results: Sequence[RowResult]
) -> Outcomes:
    """Outcomes by record, of rows with their results."""
    found = {}
    for entry, result in zip(entries, results, strict=True):
        outcome = outcome_of(
            entry,
            result.record_id,
            created=result.created,
            code=result.code,
            message=result.message,
            key_field=key_field,
            hidden=_hidden(spec, key_field, entry),
        )
        if outcome is not None:
            found[entry.record] = outcome
    return found


def _hidden(spec: ObjectSpec, key_field: str, entry: ToSend) -> list[Any]:
    """Values that Salesforce may quote and nobody may keep in clear."""
    values: Mapping[str, Any] = {**entry.fields, key_field: entry.external_id}
    return [
        value for name, value in values.items() if name not in spec.fields or spec.fields[name].is_protected
    ]
