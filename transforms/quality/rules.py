"""The catalogue's declared rules over typed values: `values`, `min`, `max`, `pattern`, `not_after`,
`references`.

A rule is asked one value at a time where events are staged, and a column at a time where pages
of rows are: both give the same answer. `required` is asked where it is known what a change
carries (`transforms.ingest.decode_events`); `unique` and `parent` are asked of the warehouse.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import FRACTIONS, FieldSpec, FieldType
from schemas.quality import Rule, Severity
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from transforms.misfits import Converter, MisfitError, Note, NotedError

_STANDARD_PREFIXES = {"User": "005", "Group": "00G"}
"""Objects that every org has and few catalogues list (Salesforce Help, "Standard Field Record ID
Prefix Decoder").
"""


@dataclass(frozen=True)
class Check:
    """One rule of one field."""

    rule: Rule
    severity: Severity
    detail: str
    fails: Callable[[Any], bool]
    """Of a typed value that is not null."""
    fails_in: Callable[[pa.ChunkedArray], pa.ChunkedArray] | None = None
    """Of a typed column, null where the value is; None: value by value."""

    def failing(self, column: pa.ChunkedArray) -> NDArray[np.bool_]:
        """By row of a typed column, whether its value breaks the rule; a null breaks none."""
        if self.fails_in is not None:
            return np.asarray(pc.fill_null(self.fails_in(column), False))
        values = column.to_pylist()
        return np.fromiter((v is not None and self.fails(v) for v in values), np.bool_, len(values))


def checks_of(field: FieldSpec, prefixes: Mapping[str, str]) -> tuple[Check, ...]:
    """The declared rules of a field that are asked of its values alone.

    Args:
        field: Of the catalogue.
        prefixes: Object -> key prefix, of every object that is known.
    """
    found = (
        *_listed(field),
        *_bounded(field),
        *_patterned(field),
        *_past(field),
        *_referring(field, {**_STANDARD_PREFIXES, **prefixes}),
    )
    return tuple(check for check in found if check.severity is not Severity.OFF)


def ruled(convert: Converter, checks: Sequence[Check]) -> Converter:
    """The converter with rules behind it; itself where there are none."""
    if not checks:
        return convert
    breaks = _any_of([check.fails for check in checks])

    def convert_and_check(value: Any) -> Any:
        # Nearly every value is good, so that one costs as little as can be.
        try:
            typed = convert(value)
        except NotedError:
            return convert_and_note(value)
        return convert_and_note(value) if breaks(typed) else typed

    def convert_and_note(value: Any) -> Any:
        notes: list[Note] = []
        try:
            typed = convert(value)
        except NotedError as noted:
            typed, notes = noted.value, list(noted.notes)
        for check in checks:
            if check.fails(typed):
                if check.severity in (Severity.ISOLATE, Severity.REJECT):
                    raise MisfitError(check.rule, check.detail, check.severity)
                notes.append(Note(check.rule, check.severity, check.detail))
        if notes:
            raise NotedError(typed, notes)
        return typed

    return convert_and_check


def _any_of(fails: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """True of a value that one of the checks fails."""
    if len(fails) == 1:
        return fails[0]
    first, rest = fails[0], _any_of(fails[1:])
    return lambda value: first(value) or rest(value)


def _listed(field: FieldSpec) -> Iterator[Check]:
    if not field.values:
        return
    known = frozenset(field.values)
    severity, detail = (
        field.severity_of(Rule.VALUES),
        f"the value is none of the {len(known)} that the catalogue lists",
    )
    if field.type is FieldType.MULTIPICKLIST:
        yield Check(Rule.VALUES, severity, detail, lambda value: not known.issuperset(value.split(";")))
        return
    value_set = pa.array(sorted(known), pa.large_string())
    yield Check(
        Rule.VALUES,
        severity,
        detail,
        lambda value: value not in known,
        lambda column: pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, value_set=value_set))),
    )


def _bounded(field: FieldSpec) -> Iterator[Check]:
    if field.min is not None:
        least = _bound(field, field.min)
        yield Check(
            Rule.MIN,
            field.severity_of(Rule.MIN),
            f"the number is less than {field.min:g}",
            lambda value: value < least,
            lambda column: pc.less(column, pa.scalar(least)),
        )
    if field.max is not None:
        most = _bound(field, field.max)
        yield Check(
            Rule.MAX,
            field.severity_of(Rule.MAX),
            f"the number is more than {field.max:g}",
            lambda value: value > most,
            lambda column: pc.greater(column, pa.scalar(most)),
        )


def _bound(field: FieldSpec, given: float) -> Decimal | float:
    """The bound as the field's values are: 0.3 of a decimal column is three tenths, and not the
    nearest double.
    """
    is_binary = field.type in FRACTIONS and field.decimals is None
    return given if is_binary else Decimal(format(Decimal(repr(given)), "f"))


def _patterned(field: FieldSpec) -> Iterator[Check]:
    if field.pattern is not None:
        fits = re.compile(field.pattern).fullmatch
        detail = "the text does not fit the catalogue's pattern"
        yield Check(Rule.PATTERN, field.severity_of(Rule.PATTERN), detail, lambda value: fits(value) is None)


def _past(field: FieldSpec) -> Iterator[Check]:
    if field.not_after is None:
        return
    now = datetime.now(UTC)
    bound: date = now if field.type is FieldType.DATETIME else now.date()
    yield Check(
        Rule.NOT_AFTER,
        field.severity_of(Rule.NOT_AFTER),
        "the moment has not come yet",
        lambda value: value > bound,
        lambda column: pc.greater(column, pa.scalar(bound, column.type)),
    )


def _referring(field: FieldSpec, prefixes: Mapping[str, str]) -> Iterator[Check]:
    """Of a field that may point to an object whose prefix is not known, nothing can be said."""
    if (
        field.type is not FieldType.REFERENCE
        or field.is_protected
        or not prefixes.keys() >= set(field.references)
    ):
        return
    known = frozenset(prefixes[name] for name in field.references)
    value_set = pa.array(sorted(known), pa.large_string())

    def fails_in(column: pa.ChunkedArray) -> pa.ChunkedArray:
        beginning = pc.utf8_slice_codeunits(column, 0, KEY_PREFIX_CHARACTERS)
        return pc.and_(pc.is_valid(column), pc.invert(pc.is_in(beginning, value_set=value_set)))

    yield Check(
        Rule.REFERENCES,
        field.severity_of(Rule.REFERENCES),
        f"the id is of none of the objects {', '.join(field.references)}",
        lambda value: value[:KEY_PREFIX_CHARACTERS] not in known,
        fails_in,
    )
