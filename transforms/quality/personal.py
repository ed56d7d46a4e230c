"""Do clear texts hold what looks like a person's data? Asked of a sample, in columns; the answer
names fields and counts, never a value.

One pass of RE2 over a column tells whether any pattern is there at all: most columns end with
that. What a checksum can refute is refuted, value by value.
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import TEXTS, FieldType, ObjectSpec
from schemas.quality import Finding, Rule, Severity
from transforms.quality.findings import read, written

_NO_PROSE = frozenset({FieldType.PICKLIST, FieldType.MULTIPICKLIST, FieldType.URL})
"""Texts that nobody types."""
_LUHN = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
"""A digit's part of the sum where it is doubled (ISO/IEC 7812-1, Annex B)."""


class Looks(StrEnum):
    """The kind of personal data that a text looks like."""

    EMAIL = "e-mail"
    SSN = "SSN"
    """A Social Security Number of the United States."""
    PHONE = "phone"
    CARD = "card"


class Suspicion(NamedTuple):
    """A clear field whose values look personal."""

    field: str
    looks: Looks
    found: int
    """Values of the sample."""
    sampled: int


class _Pattern(NamedTuple):
    text: str
    """For `re`, of values that may hold it."""
    is_real: Callable[[str], bool] = lambda _: True
    """Of what was found: False when its checksum or its parts refute it."""


def _is_card(text: str) -> bool:
    digits = [int(each) for each in text if each.isdigit()]
    double = [_LUHN[each] for each in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(double)) % 10 == 0


def _is_ssn(text: str) -> bool:
    """Numbers that are never given out: https://www.ssa.gov/employer/randomizationfaqs.html."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


_PATTERNS: dict[Looks, _Pattern] = {
    Looks.EMAIL: _Pattern(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z0-9.-]{2,63}"),
    Looks.SSN: _Pattern(r"\b\d{3}-\d{2}-\d{4}\b", _is_ssn),
    Looks.PHONE: _Pattern(
        r"\+\d[\d ()./-]{6,16}\d\b|\(\d{3}\) ?\d{3}[-. ]\d{4}\b|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b"
    ),
    Looks.CARD: _Pattern(r"\b[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}\b", _is_card),
}
_ANY = (
    r"[A-Za-z0-9._%+-]@[A-Za-z0-9-]+\.[A-Za-z0-9.-]{2}|\d{3}-\d\d-\d{4}|\+\d[\d ()./-]{6}|\d{3}\)? ?[-. ]?\d{3}[-. ]\d{4}"
    r"|\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d"
)
"""Whatever fits a pattern fits this, for RE2. It is short, since it is compiled once a batch."""


def sample_of(rows: pa.Table, most: int) -> pa.Table:
    """At most `most` of the rows, spread over all of them."""
    if len(rows) <= most:
        return rows
    return rows.take(pa.array(np.linspace(0, len(rows) - 1, most).astype(np.int64)))


def suspicions(sample: pa.Table, spec: ObjectSpec) -> list[Suspicion]:
    """The clear fields whose values look personal, in a table that has the object's columns."""
    fields = [(name, column) for name, column in clear_texts(spec) if column in sample.column_names]
    if not fields or not _is_any([sample[column] for _, column in fields]):
        return []
    found = []
    for name, column in fields:
        mask = pc.fill_null(pc.match_substring_regex(sample[column], _ANY), False)
        values = sample[column].filter(mask).to_pylist()
        found += [
            Suspicion(name, looks, count, len(sample))
            for looks, pattern in _PATTERNS.items()
            if (count := sum(_holds(pattern, value) for value in values))
        ]
    return found


def marked(changes: pa.Table, spec: ObjectSpec, sample: pa.Table) -> pa.Table:
    """Staged changes, the first one with a finding for each field of the sample that looks
    personal.

    Args:
        changes: In the columns of `staged_columns`, at least one.
        spec: The object.
        sample: Changes of the same batch. Empty = nothing is looked at.
    """
    found = findings_of(suspicions(sample, spec)) if len(sample) else []
    if not found:
        return changes
    texts = changes["field_findings"].to_pylist()
    texts[0] = written((*(read(texts[0]) if texts[0] else ()), *found))
    place = changes.column_names.index("field_findings")
    field = changes.schema.field(place)
    return changes.set_column(place, field, pa.array(texts, field.type))


def findings_of(found: Iterable[Suspicion]) -> list[Finding]:
    """The same as findings, one a field."""
    by_field: dict[str, list[Suspicion]] = {}
    for each in found:
        by_field.setdefault(each.field, []).append(each)
    return [
        Finding(name, None, Rule.LOOKS_PERSONAL, Severity.WARN, _detail(each))
        for name, each in by_field.items()
    ]


def clear_texts(spec: ObjectSpec) -> list[tuple[str, str]]:
    """Name and column of the fields that are looked at: texts in plaintext that somebody types."""
    return [
        (name, spec.columns[name])
        for name, field in spec.fields.items()
        if field.type in TEXTS - _NO_PROSE and not field.is_protected
    ]


def _is_any(columns: list[pa.ChunkedArray]) -> bool:
    """True when any value of any column fits any pattern. One question for all of them: to make RE2
    understand the pattern costs as much as some hundred values.
    """
    chunks = [chunk for column in columns for chunk in column.chunks]
    every = pa.chunked_array(chunks, columns[0].type)
    return bool(pc.any(pc.match_substring_regex(every, _ANY)).as_py())


def _holds(pattern: _Pattern, value: str) -> bool:
    return any(pattern.is_real(match[0]) for match in re.finditer(pattern.text, value, re.ASCII))


def _detail(found: list[Suspicion]) -> str:
    counts = ", ".join(f"{each.found} {each.looks}" for each in found)
    return (
        f"of {found[0].sampled} values looked at, these look personal: {counts}; declare the field `pii: personal` or "
        "`sensitive` in the catalogue, or acknowledge this"
    )
