"""A group's addition to the scorecards: by field and rule, how many changes were checked, and how
many failed. No I/O.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import Catalogue, FieldSpec, ObjectSpec
from schemas.ingest.change_types import WHOLE
from schemas.quality import ANY_FIELD, FITS, ISOLATING, REJECTED, Rule, Severity
from transforms.quality.findings import is_isolating
from transforms.quality.open_findings import FoundChange
from transforms.quality.references import pointers

_OF_VALUES = (Rule.VALUES, Rule.MIN, Rule.MAX, Rule.PATTERN, Rule.NOT_AFTER)


class RuleCount(NamedTuple):
    """Changes of one group."""

    field: str
    rule: str
    checked: int
    failed: int


def scores(
    spec: ObjectSpec,
    catalogue: Catalogue,
    new: pa.Table,
    changes: Sequence[FoundChange],
) -> list[RuleCount]:
    """The rows that are not zero. `parent` and `unique` are counted as checked; their failures are
    counted when they are found.

    Args:
        spec: The object.
        catalogue: Says which references were looked at.
        new: The changes that were logged, in the columns of `staged_columns`.
        changes: Those of them with which something is wrong.
    """
    broken = Counter[tuple[str, Rule]]()
    lost = Counter[tuple[str, Rule]]()
    unfit = 0
    for change in changes:
        unfit += any(each.rule in ISOLATING for each in change.findings)
        for each in change.findings:
            broken[each.field, each.rule] += 1
            # An isolated value is not in the column, and was checked.
            lost[each.field, each.rule] += is_isolating(each)
    found = [RuleCount(ANY_FIELD, FITS, len(new), unfit)]
    whole = _whole(new)
    for name, rule in _declared(spec, catalogue):
        column = new[spec.columns[name]]
        if rule is Rule.REQUIRED:
            checked = _required(column, whole, broken[name, rule])
        else:
            checked = len(column) - column.null_count + lost[name, rule]
        found.append(RuleCount(name, str(rule), checked, broken[name, rule]))
    return [each for each in found if each.checked or each.failed]


def rejected_scores(checked: int, rejected: int) -> list[RuleCount]:
    """Of changes that had to keep rules of severity `reject`, how many did not."""
    return [RuleCount(ANY_FIELD, REJECTED, checked, rejected)] if checked else []


def _declared(spec: ObjectSpec, catalogue: Catalogue) -> Iterator[tuple[str, Rule]]:
    for name in spec.required_fields:
        if spec.fields[name].severity_of(Rule.REQUIRED) is not Severity.OFF:
            yield name, Rule.REQUIRED
    for name, field in spec.fields.items():
        for rule in _OF_VALUES:
            if _has(field, rule) and field.severity_of(rule) is not Severity.OFF:
                yield name, rule
    yield from ((each.field, Rule.PARENT) for each in pointers(spec, catalogue))
    yield from ((name, Rule.UNIQUE) for name in spec.unique_fields)


def _has(field: FieldSpec, rule: Rule) -> bool:
    value = getattr(field, rule.value)
    return value is not None and value != ()


def _whole(new: pa.Table) -> pa.ChunkedArray:
    """By row, whether the change carries the whole record."""
    kinds = new["change_type"]
    is_whole = pc.is_in(kinds, value_set=pa.array(sorted(WHOLE), kinds.type))
    return pc.and_(is_whole, pc.is_null(new["changed_fields"]))


def _required(column: pa.ChunkedArray, whole: pa.ChunkedArray, failed: int) -> int:
    """Whole records, and updates that carry the field: with a value, or as null, which is a
    failure.
    """
    valid = pc.is_valid(column)
    records = pc.sum(whole).as_py() or 0
    with_value = pc.sum(pc.and_not(valid, whole)).as_py() or 0
    missing = pc.sum(pc.and_not(whole, valid)).as_py() or 0
    return records + with_value + max(0, failed - missing)
