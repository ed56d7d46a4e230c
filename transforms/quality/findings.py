"""Errors of a change's fields, as they travel from staging to `ops.quality`: one text a change,
null for most.

Findings about a field as such that change nothing (rounded, NUL removed) stand at one change of
a batch only: they are written once a field.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson

from schemas.quality import ISOLATING, Finding, Rule, Severity

DETAIL_LENGTH = 500
"""Characters of a finding's detail that are kept."""


@lru_cache(maxsize=4_096)
def written(findings: tuple[Finding, ...]) -> str:
    """The text of a change's findings. Many changes have the same ones."""
    return orjson.dumps([(*each[:4], each.detail[:DETAIL_LENGTH]) for each in findings]).decode()


@lru_cache(maxsize=4_096)
def read(text: str) -> tuple[Finding, ...]:
    """The way back."""
    return tuple(
        Finding(field, column, Rule(rule), Severity(severity), detail)
        for field, column, rule, severity, detail in orjson.loads(text)
    )


def is_isolating(finding: Finding) -> bool:
    """True for a finding that leaves its field unknown."""
    return finding.rule in ISOLATING or finding.severity is Severity.ISOLATE


def isolated_columns(findings: Iterable[Finding]) -> str | None:
    """The columns that are unknown after the change, sorted and joined by commas; None for none."""
    columns: Sequence[str] = [
        each.column for each in findings if each.column is not None and is_isolating(each)
    ]
    return ",".join(sorted(set(columns))) or None
