"""The effect of a group of changes on the open rows of `ops.quality`. No I/O.

A finding is open until a later change of its record carries the field and does not break the
rule. Changes come in any order, so a finding may be answered by a change that came before it. A
delete answers what leaves no field unknown; an undelete brings the whole record, and with it
what is still wrong.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import DELETE
from schemas.quality import OF_THE_FIELD, Finding, Rule, Severity
from transforms.quality import findings

Key = tuple[str, str, str]
"""Record (empty: the field as such), API name of the field, rule."""


class ChangePlace(NamedTuple):
    """One change of a record, as far as it answers findings."""

    order: str
    carried: frozenset[str] | None
    """Its columns but those of text diffs, which say nothing of a text that is unknown; None: all
    of them.
    """
    batch: str
    broken: frozenset[tuple[str, str]]
    """Field and rule of what is wrong with it."""
    is_delete: bool = False
    """A delete carries nothing, and answers what a live record would have to fix. What it leaves
    unknown stays so.
    """


@dataclass(frozen=True)
class OpenFinding:
    """A row of `ops.quality` as a group of changes leaves it."""

    key: Key
    finding: Finding
    order: str
    batch: str
    seen: int
    answered_by: str | None = None
    """The batch of a later change that carries the field and keeps the rule; None: it is open."""


class FoundChange(NamedTuple):
    """A change with findings."""

    record_id: str
    order: str
    batch: str
    findings: tuple[Finding, ...]


def found_changes(new: pa.Table) -> list[FoundChange]:
    """The changes (columns of `staged_columns`) with which something is wrong, in their order of
    coming.
    """
    names = ("record_id", "change_order", "batch", "field_findings")
    rows = new.select(names).filter(pc.is_valid(new["field_findings"]))
    columns = (rows[name].to_pylist() for name in names)
    return [
        FoundChange(record_id, order, batch, findings.read(text))
        for record_id, order, batch, text in zip(*columns, strict=True)
    ]


def change_places(new: pa.Table, record_ids: Collection[str]) -> dict[str, list[ChangePlace]]:
    """The changes of some records by place."""
    names = (
        "record_id",
        "change_order",
        "change_type",
        "changed_fields",
        "diff_fields",
        "batch",
        "field_findings",
    )
    ids = new["record_id"]
    rows = new.select(names).filter(pc.is_in(ids, value_set=pa.array(sorted(record_ids), ids.type)))
    found: defaultdict[str, list[ChangePlace]] = defaultdict(list)
    for record_id, order, kind, changed, diffs, batch, text in zip(
        *(rows[n].to_pylist() for n in names), strict=True
    ):
        broken = (
            frozenset((each.field, str(each.rule)) for each in findings.read(text)) if text else frozenset()
        )
        found[record_id].append(ChangePlace(order, _carried(changed, diffs), batch, broken, kind == DELETE))
    return {record_id: sorted(places) for record_id, places in found.items()}


def logged_places(rows: Iterable[Sequence[Any]], batch: str) -> dict[str, list[ChangePlace]]:
    """The same of rows of `clients.warehouse.sql.quality.read_places`; what was wrong with them is
    in `ops.quality` already.
    """
    found: defaultdict[str, list[ChangePlace]] = defaultdict(list)
    for record_id, order, kind, changed, diffs in rows:
        place = ChangePlace(order, _carried(changed, diffs), batch, frozenset(), kind == DELETE)
        found[record_id].append(place)
    return found


def gathered(changes: Iterable[FoundChange]) -> list[OpenFinding]:
    """One row for each record, field and rule: the newest finding, and how often there was one."""
    rows: dict[Key, OpenFinding] = {}
    for change in changes:
        for finding in change.findings:
            record_id = "" if finding.rule in OF_THE_FIELD else change.record_id
            key = (record_id, finding.field, str(finding.rule))
            known = rows.get(key)
            if known is None:
                rows[key] = OpenFinding(key, finding, change.order, change.batch, 1)
            elif change.order > known.order:
                rows[key] = OpenFinding(key, finding, change.order, change.batch, known.seen + 1)
            else:
                rows[key] = replace(known, seen=known.seen + 1)
    return list(rows.values())


def with_answer(
    found: OpenFinding, places: Mapping[str, Sequence[ChangePlace]], spec: ObjectSpec
) -> OpenFinding:
    """The row with the first later change that answers it, if there is one."""
    is_isolating = findings.is_isolating(found.finding)
    place = _answer(found.key, found.order, places, spec, is_isolating=is_isolating)
    return found if place is None else replace(found, answered_by=place.batch)


def settled(
    open_rows: Iterable[Sequence[Any]], places: Mapping[str, Sequence[ChangePlace]], spec: ObjectSpec
) -> Iterator[dict[str, str]]:
    """The open rows (`clients.warehouse.sql.quality.find_open_findings`) that changes answer, in
    the columns of `SETTLED_COLUMNS`.
    """
    for record_id, field, rule, order, severity in open_rows:
        key = (record_id, field, rule)
        newest = max(
            (each.order for each in places.get(record_id, ()) if (field, rule) in each.broken), default=""
        )
        is_isolating = severity == Severity.ISOLATE
        place = _answer(key, max(order, newest), places, spec, is_isolating=is_isolating)
        if place is not None:
            yield {"record_id": record_id, "field": field, "rule": rule, "batch": place.batch}


def _answer(
    key: Key, order: str, places: Mapping[str, Sequence[ChangePlace]], spec: ObjectSpec, *, is_isolating: bool
) -> ChangePlace | None:
    record_id, field, rule = key
    column = spec.columns.get(field)
    if not record_id or rule == Rule.UNKNOWN_FIELD:
        return None
    for place in places.get(record_id, ()):
        # Of a field that the catalogue has no more nothing is known, and nothing is wrong.
        if place.is_delete:
            carries = not is_isolating
        else:
            carries = column is None or place.carried is None or column in place.carried
        if place.order > order and carries and (field, rule) not in place.broken:
            return place
    return None


def found_table(rows: Sequence[OpenFinding], object_name: str, at: datetime, schema: pa.Schema) -> pa.Table:
    """Rows in the columns of `clients.warehouse.sql.quality.FOUND_COLUMNS`."""
    return pa.Table.from_pylist(
        [
            {
                "object": object_name,
                "record_id": row.key[0],
                "field": row.key[1],
                "rule": row.key[2],
                "severity": str(row.finding.severity),
                "detail": row.finding.detail,
                "change_order": row.order,
                "batch": row.batch,
                "first_seen_at": at,
                "last_seen_at": at,
                "seen": row.seen,
                "resolved_at": None if row.answered_by is None else at,
                "resolved_by": row.answered_by,
            }
            for row in rows
        ],
        schema=schema,
    )


def _carried(changed: str | None, diffs: str | None) -> frozenset[str] | None:
    return None if changed is None else frozenset(changed.split(",")) - frozenset((diffs or "").split(","))
