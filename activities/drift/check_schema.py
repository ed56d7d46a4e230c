"""check_drift: compare what the org describes with the catalogue, decide, and make room in the
warehouse.

A decision is committed under its object's lock, after the columns are there: later appliers see
it before they write (`clients.warehouse.live_catalogue.check_catalogue`). Done twice it decides
nothing twice, since what was decided is the catalogue then.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from clients.salesforce.call_count import counting_calls
from clients.salesforce.describe import OrgSchema
from clients.salesforce.http import OrgHttp
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue, check_revision, write_rows
from clients.warehouse.read_copy.beside import locked_with_copy
from clients.warehouse.sql import drift as drift_sql, quality as quality_sql
from clients.warehouse.stored_names import keep_names
from schemas import names
from schemas.catalogue import Catalogue
from schemas.drift import (
    FILLED,
    WHOLE_OBJECT,
    DriftEffect,
    DriftInput,
    DriftKind,
    DriftPolicy,
    DriftResult,
    DriftRow,
    FieldDrift,
    Fill,
)
from schemas.errors import CallRefusedError
from schemas.quality import Rule
from transforms.drift.compare_schema import compare_schema, field_called, overlaid
from transforms.drift.settle import is_lost, settled_fields, settled_objects
from transforms.ingest.decode_events import UNKNOWN_FIELD

_FILLS_OF = timedelta(hours=1)
"""For this time a fill is named again at every check: starting it twice starts it once."""
_LOCK = "drift"


@dataclass
class CheckDrift:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    warehouse: Warehouse
    catalogue: LiveCatalogue
    policy: DriftPolicy = field(default_factory=DriftPolicy)
    _seen: str = ""
    """`Last-Modified` of the schema that was compared last, all of it."""

    @activity.defn(name=names.CHECK_DRIFT)
    async def check_drift(self, request: DriftInput) -> DriftResult:
        """Look at the objects that may have changed; returns what was decided just now, and what is
        to be done about it.
        """
        async with heartbeating():
            await asyncio.to_thread(self.catalogue.follow)
            known = {name: self.catalogue.revision_of(name) for name in self.catalogue.objects}
            with counting_calls() as count:
                found, settled, checked, seen = await self._look(request)
            await asyncio.to_thread(self._decide, found, known, request.by)
            await asyncio.to_thread(self._settle, settled, request.by)
            await asyncio.to_thread(self._close_ignored)
            self._seen = seen
            fills, waiting = await asyncio.to_thread(self._to_do)
        return DriftResult(
            checked=checked, calls=count.calls, found=(*found, *settled), fills=fills, waiting=waiting
        )

    async def _look(self, request: DriftInput) -> tuple[list[FieldDrift], list[FieldDrift], int, str]:
        """Differences, those that the file has settled, objects described, and the schema's
        time.
        """
        schema, seen = OrgSchema(self.org), self._seen
        objects: Sequence[str] = request.objects
        if not objects:
            changed = await schema.changed_since(seen)
            if changed is None:
                return [], [], 0, seen
            objects, seen = list(self.catalogue.objects), changed
        found: list[FieldDrift] = []
        settled = settled_objects(self.catalogue.decisions, self.catalogue.objects.keys())
        for name in objects:
            spec, history = self.catalogue.object(name), self.catalogue.history_of(name)
            try:
                described = await schema.fields(name)
            except CallRefusedError as error:
                if not error.is_missing:
                    raise
                found += _lost_object(name, history)
                continue
            new = compare_schema(spec, described, self.policy, history)
            in_file = self.catalogue.object_of_file(name)
            settled += settled_fields(in_file, described, self.policy, history, new)
            found += new
        return found, settled, len(objects), seen

    def _decide(self, found: Sequence[FieldDrift], known: Mapping[str, int | None], by: str) -> None:
        if not found:
            return
        at = datetime.now(UTC)
        by_object: dict[str, list[FieldDrift]] = {}
        for each in found:
            by_object.setdefault(each.object, []).append(each)
        self.warehouse.ensure_tables(keep_names(self.warehouse, self._after(found, at, by)))
        for name, some in by_object.items():
            with locked_with_copy(self.warehouse, self.catalogue.object(name).table) as transaction:
                transaction.lock_object(_LOCK)
                check_revision(transaction, name, known[name])
                write_rows(transaction, some, at, by)
        self.catalogue.follow()

    def _settle(self, settled: Sequence[FieldDrift], by: str) -> None:
        """Put on record that nobody has to do anything about these: no field changes by it."""
        if not settled:
            return
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(_LOCK)
            write_rows(transaction, settled, datetime.now(UTC), by)
        self.catalogue.follow()

    def _after(self, found: Iterable[FieldDrift], at: datetime, by: str) -> Catalogue:
        """The catalogue as it will be, to make its columns."""
        rows = [
            DriftRow(**dict(each), revision=number, at=at, found_by=by)
            for number, each in enumerate(found, 1)
        ]
        return Catalogue.model_construct(every_object={}, objects=overlaid(self.catalogue, rows))

    def _close_ignored(self) -> None:
        """Nobody is to do anything about a field that the file ignores by now."""
        rule = Rule.UNKNOWN_FIELD.value
        with self.warehouse.transaction() as transaction:
            for name, known_as, _ in transaction.fetch(quality_sql.find_unknown_fields(), [rule]):
                spec = self.catalogue.objects.get(name)
                if spec is not None and known_as in spec.ignored_in_events:
                    told = [datetime.now(UTC), "ignored", name, known_as, rule]
                    transaction.execute(quality_sql.close_field(), told)

    def _is_kept(self, row: DriftRow) -> bool:
        """False for a decision about a field that the file ignores by now, or whose object it
        lacks.
        """
        spec = self.catalogue.objects.get(row.object)
        return spec is not None and row.field in spec.fields

    def _to_do(self) -> tuple[tuple[Fill, ...], tuple[str, ...]]:
        since = datetime.now(UTC) - _FILLS_OF
        rows = [
            row
            for row in self.catalogue.decisions
            if row.effect in FILLED and row.at >= since and self._is_kept(row)
        ]
        together: dict[tuple[str, datetime], list[DriftRow]] = {}
        for row in rows:
            together.setdefault((row.object, row.at), []).append(row)
        fills = tuple(
            Fill(object=name, fields=tuple(row.field for row in some), revision=some[-1].revision)
            for (name, _), some in together.items()
        )
        filled = {(fill.object, name) for fill in fills for name in fill.fields}
        return (*fills, *self._late_fills(filled)), tuple(sorted(self._waiting()))

    def _late_fills(self, filled: Set[tuple[str, str]]) -> Iterator[Fill]:
        """Fills of fields that changes carried before the catalogue had them, and that no decision
        fills: the file got them.
        """
        with self.warehouse.transaction() as transaction:
            rows = transaction.fetch(quality_sql.find_unknown_fields(), [Rule.UNKNOWN_FIELD.value])
        together: dict[tuple[str, int], list[str]] = {}
        for name, known_as, last_seen_at in rows:
            spec = self.catalogue.objects.get(name)
            field = None if spec is None else field_called(spec, known_as)
            if field is not None and (name, field) not in filled:
                together.setdefault((name, int(last_seen_at.timestamp())), []).append(field)
        for (name, seen), fields in together.items():
            # Nothing adds to a row of a known field, so its time names the same fill at every
            # check.
            yield Fill(object=name, fields=tuple(sorted(fields)), revision=seen)

    def _waiting(self) -> set[str]:
        """Objects with quarantined changes whose unknown field is known by now."""
        with self.warehouse.transaction() as transaction:
            rows = transaction.fetch(drift_sql.count_unknown_fields(), [UNKNOWN_FIELD])
        found = set()
        for name, detail, _ in rows:
            spec = self.catalogue.objects.get(name)
            missing = str(detail).partition(" ")[0].removeprefix(f"{name}.")
            if spec is not None and missing in spec.fields:
                found.add(name)
        return found


def _lost_object(name: str, history: dict[str, DriftRow]) -> list[FieldDrift]:
    if is_lost(history):
        return []
    advice = (
        "The org has the object no more, or hides it from the integration user. Its rows stay. "
        "Take it out of the catalogue, or give the user the right to see it."
    )
    return [
        FieldDrift(
            object=name,
            field=WHOLE_OBJECT,
            kind=DriftKind.REMOVED,
            effect=DriftEffect.REPORTED,
            advice=advice,
        )
    ]
