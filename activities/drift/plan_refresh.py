"""plan_refresh: which records' calculated fields are worth reading; end_refresh: from where the
next one begins.

What a field is worked out from is in the catalogue (`inputs`). The change log tells whose inputs
were changed since the last refresh: the record's own, its parents', its children's. A field
without inputs changes with time alone, and is read of every record.
"""

import asyncio
import hashlib
import math
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from temporalio import activity

from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import quality as quality_sql, refresh as sql
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.drift import RefreshGroup, RefreshInput, RefreshPlan, RefreshState
from schemas.ids import ids_key, refresh_key
from schemas.quality import Rule
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from transforms.drift.compare_schema import field_called

_OVERLAP = timedelta(minutes=2)
"""A transaction may become visible later than the time that it carries."""
_PAGE_ROWS = 10_000
_JOB_CALLS = 8


@dataclass
class PlanRefresh:
    """The activities and what they need; one for a process."""

    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue

    @activity.defn(name=names.PLAN_REFRESH)
    async def plan_refresh(self, request: RefreshInput) -> RefreshPlan:
        """The groups of fields to read, each with its records. Asks the warehouse only."""
        return await asyncio.to_thread(self.plan, request)

    @activity.defn(name=names.END_REFRESH)
    async def end_refresh(self, state: RefreshState) -> None:
        """Remember how far the change log has been looked through, and that unknown fields are
        filled.
        """
        if state.plan is not None and state.plan.covered is not None:
            body = orjson.dumps({"covered": state.plan.covered.isoformat()})
            await asyncio.to_thread(self.store.put, refresh_key(state.org, state.object), body)
        if state.plan is not None:
            fields = {name for group in state.plan.groups for name in group.fields}
            await asyncio.to_thread(self._close, state.object, fields)

    def _close(self, name: str, fields: Set[str]) -> None:
        """Fields that changes carried before the catalogue had them are filled now."""
        spec, rule = self.catalogue.object(name), Rule.UNKNOWN_FIELD.value
        with self.warehouse.transaction() as transaction:
            for of, known_as, _ in transaction.fetch(quality_sql.find_unknown_fields(), [rule]):
                if of == name and field_called(spec, known_as) in fields:
                    told = [datetime.now(UTC), "refresh", name, known_as, rule]
                    transaction.execute(quality_sql.close_field(), told)

    def plan(self, request: RefreshInput) -> RefreshPlan:
        """As `plan_refresh`. Blocks."""
        catalogue = self.catalogue
        catalogue.follow()
        spec = catalogue.object(request.object)
        covered = datetime.now(UTC) - _OVERLAP
        with self.warehouse.transaction() as transaction:
            ((total,),) = transaction.fetch(sql.count_live(spec))
            if request.fields:
                groups = [RefreshGroup(fields=request.fields, why="asked for")]
                return _plan(groups, int(total), None)
            since = None if request.everything else self._covered(request)
            groups = list(self._groups(transaction, catalogue, spec, since, int(total), request.org))
        return _plan(groups, int(total), covered)

    def _covered(self, request: RefreshInput) -> datetime | None:
        found = self.store.find(refresh_key(request.org, request.object))
        return None if found is None else datetime.fromisoformat(orjson.loads(found)["covered"])

    def _groups(
        self,
        transaction: Transaction,
        catalogue: Catalogue,
        spec: ObjectSpec,
        since: datetime | None,
        total: int,
        org: str,
    ) -> list[RefreshGroup]:
        calculated = {
            name: field for name, field in spec.fields.items() if field.calculated and not field.held
        }
        by_inputs: dict[tuple[str, ...], list[str]] = {}
        for name, field in calculated.items():
            by_inputs.setdefault(field.inputs if since is not None else (), []).append(name)
        whole = by_inputs.pop((), [])
        groups = []
        for inputs, fields in by_inputs.items():
            ids = changed_records(transaction, catalogue, spec, inputs, since or datetime.now(UTC))
            if ids is None or _calls(len(ids), total) > _calls(None, total):
                whole += fields
            elif ids:
                groups.append(self._group(org, fields, sorted(ids), inputs))
        if whole:
            why = (
                "time alone changes them"
                if since is not None
                else "every record, since nothing was read before"
            )
            groups.append(RefreshGroup(fields=tuple(whole), why=why))
        return groups

    def _group(self, org: str, fields: list[str], ids: list[str], inputs: tuple[str, ...]) -> RefreshGroup:
        body = orjson.dumps(ids)
        key = ids_key(org, hashlib.sha256(body).hexdigest())
        self.store.put(key, body)
        why = f"{', '.join(inputs)} changed"
        return RefreshGroup(fields=tuple(fields), ids_key=key, records=len(ids), why=why)


def changed_records(
    transaction: Transaction, catalogue: Catalogue, spec: ObjectSpec, inputs: tuple[str, ...], since: datetime
) -> set[str] | None:
    """Records of which an input was changed by what was applied since; None when the catalogue
    cannot tell.
    """
    found: set[str] = set()
    own: list[str] = []
    for name in dict.fromkeys(each.partition(".")[0] for each in inputs):
        other = catalogue.objects.get(name)
        columns = [each.partition(".")[2] for each in inputs if each.partition(".")[0] == name]
        if other is None or not set(columns) <= other.fields.keys():
            return None
        named = [other.columns[column] for column in columns]
        if other is spec:
            own += named
            continue
        up, down = _references(spec, name), _references(other, spec.name)
        if not up and not down:
            return None
        own += up
        for reference in up:
            found |= _ids(transaction, sql.records_below(spec, reference, other, named), since)
        for reference in down:
            found |= _ids(transaction, sql.records_above(other, reference, named), since)
    # A new record, and one with another parent, has what was never read.
    return found | _ids(transaction, sql.records_changed(spec, own), since)


def _references(spec: ObjectSpec, target: str) -> list[str]:
    """Columns that lead to an object; an encrypted one leads nowhere."""
    return [
        spec.columns[name]
        for name, field in spec.fields.items()
        if target in field.references and not field.is_protected
    ]


def _ids(transaction: Transaction, statement: str, since: datetime) -> set[str]:
    return {str(row[0]) for row in transaction.fetch(statement, [since]) if row[0]}


def _plan(groups: list[RefreshGroup], total: int, covered: datetime | None) -> RefreshPlan:
    calls = sum(_calls(group.records, total) for group in groups)
    return RefreshPlan(groups=tuple(groups), expected_calls=calls, covered=covered)


def _calls(records: int | None, total: int) -> int:
    """API calls, about: by ids two thousand a call, else pages of a query job."""
    if records is not None:
        return math.ceil(records / COLLECTION_RETRIEVE_MAX)
    by_rest = math.ceil(total / COLLECTION_RETRIEVE_MAX) + 1
    return min(by_rest, _JOB_CALLS + math.ceil(total / _PAGE_ROWS))
