"""Records by their external ids, as they are now: a thousand in one call (REST API Developer Guide,
"Composite", "QueryAll").
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.soql import queries_in, text_literal
from clients.salesforce.soql_requests import SoqlCalls
from schemas.catalogue import FieldType, ObjectSpec
from schemas.governor import LeaseClass

IDS_OF_A_QUERY = 200
"""So that five queries, one call, ask for a thousand."""
_FACTS = ("Id", "IsDeleted", "SystemModstamp", "LastModifiedDate", "LastModifiedById")
_NUMBERS = frozenset({FieldType.INT, FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """One record as the org told it."""

    record_id: str
    values: Mapping[str, Any]
    """The fields that were asked for, in REST's JSON; a path to a parent's field by its whole path.
    """
    modified_at: datetime
    """LastModifiedDate, to the second."""
    modified_by: str
    """LastModifiedById."""
    system_modstamp: datetime
    is_deleted: bool
    """In the recycle bin."""
    is_ambiguous: bool = False
    """Other live records have the same external id: an upsert by it is refused."""


class RecordsByKey:
    """Reads one org's records, paid for by one class."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass = LeaseClass.WRITEBACK) -> None:
        self._calls = SoqlCalls(org, lease_class)

    async def read(
        self,
        spec: ObjectSpec,
        key_field: str,
        external_ids: Iterable[str],
        fields: Sequence[str],
        *,
        is_case_sensitive: bool = False,
    ) -> dict[str, RecordSeen]:
        """The records by the external ids as they were asked for; an id without a record is absent.

        A record in the recycle bin is returned when no live one has its id. Up to 1,000 ids are one
        call, fewer of a very wide object. What was committed less than some seconds ago may be
        missing or old: queries lag behind commits
        (`clients.salesforce.polling.VISIBILITY_DELAY`). Raises as `OrgHttp.read`.

        Args:
            spec: The object.
            key_field: Its external id field.
            external_ids: In any case, unless the field is case sensitive; a number's as its
                digits.
            fields: What to read besides id, times and author; may be empty.
            is_case_sensitive: Describe's `caseSensitive` of the key field.
        """
        key = _Key(spec, key_field, is_case_sensitive=is_case_sensitive)
        asked = {external_id: key.form(external_id) for external_id in external_ids}
        columns = tuple(dict.fromkeys((*_FACTS, key_field, *fields)))
        found: dict[str | Decimal, list[RecordSeen]] = {}
        literals = sorted({key.literal(each) for each in asked})
        begin = f"SELECT {','.join(columns)} FROM {spec.name} WHERE {key_field} IN "
        async for record in self._calls.rows(queries_in(begin, literals, IDS_OF_A_QUERY)):
            found.setdefault(key.form(str(record[key_field])), []).append(_seen(record, fields))
        return {external_id: _chosen(found[form]) for external_id, form in asked.items() if form in found}


@dataclass(frozen=True, slots=True)
class _Key:
    """Write and compare values of the external id field."""

    spec: ObjectSpec
    field: str
    is_case_sensitive: bool

    def literal(self, external_id: str) -> str:
        form = self.form(external_id)
        return format(form, "f") if isinstance(form, Decimal) else text_literal(external_id)

    def form(self, external_id: str) -> str | Decimal:
        """Equal for what Salesforce takes for the same external id."""
        field = self.spec.fields.get(self.field)
        if field is not None and field.type in _NUMBERS:
            try:
                return Decimal(external_id)
            except InvalidOperation:
                pass  # no number: asked for as a text, which the org refuses in its own words
        return external_id if self.is_case_sensitive else external_id.lower()


def _seen(record: Mapping[str, Any], fields: Sequence[str]) -> RecordSeen:
    return RecordSeen(
        record_id=str(record["Id"]),
        values={path: _at(record, path) for path in fields},
        modified_at=datetime.fromisoformat(record["LastModifiedDate"]),
        modified_by=str(record["LastModifiedById"]),
        system_modstamp=datetime.fromisoformat(record["SystemModstamp"]),
        is_deleted=bool(record["IsDeleted"]),
    )


def _at(record: Mapping[str, Any], path: str) -> Any:
    """The value of a field, or of a parent's field; None without a parent."""
    found: Any = record
    for name in path.split("."):
        found = None if found is None else found[name]
    return found


def _chosen(rows: Sequence[RecordSeen]) -> RecordSeen:
    """The live record of those with one external id; without one, the one that was deleted last."""
    newest = max(rows, key=lambda row: (not row.is_deleted, row.system_modstamp))
    is_ambiguous = sum(not row.is_deleted for row in rows) > 1
    return replace(newest, is_ambiguous=True) if is_ambiguous else newest
