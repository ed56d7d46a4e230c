"""Law 10 and the rules of the catalogue, in the transaction of a group's effects: findings, and the
day's counts.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from activities.quality.findings import Recorded, record_findings
from clients.warehouse import Transaction
from clients.warehouse.sql import scorecard as sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Rule
from transforms.ingest.decode_events import MISSING_REQUIRED
from transforms.quality.scorecard import RuleCount, rejected_scores, scores

_RULES = frozenset({*map(str, Rule), MISSING_REQUIRED})
"""Reasons of quarantine that are rules."""
_AT_ONCE = 100
"""Counts of one statement."""


def record_quality(
    transaction: Transaction,
    spec: ObjectSpec,
    catalogue: Catalogue,
    new: pa.Table,
    last_orders: Mapping[str, str],
) -> Recorded:
    """Write down what is wrong with new changes, close what they answer, and count both.

    Run it after the changes are folded in, while the temporary table `GROUPED` holds their
    records.

    Args:
        transaction: Of the group.
        spec: The object.
        catalogue: Says which other objects the warehouse has.
        new: The changes that were logged, in the columns of `staged_columns`.
        last_orders: Record -> the last change that was applied to it before; of records that
            were there.
    """
    recorded = record_findings(transaction, spec, new, last_orders)
    add_scores(transaction, spec, scores(spec, catalogue, new, recorded.changes))
    return recorded


def add_scores(transaction: Transaction, spec: ObjectSpec, found: Sequence[RuleCount]) -> None:
    """Add to the counts of today (UTC); the object's lock keeps others from the same rows."""
    if not found:
        return
    day = datetime.now(UTC).date()
    known = set(transaction.fetch(sql.find_counts(spec.name, day)))
    there = [each for each in found if (each.field, each.rule) in known]
    for first in range(0, len(there), _AT_ONCE):
        transaction.execute(sql.add_counts(spec.name, day, there[first : first + _AT_ONCE]))
    if fresh := [each for each in found if (each.field, each.rule) not in known]:
        transaction.execute(sql.insert_counts(spec.name, day, fresh))


def rejected_by_rules(refused: pa.Table | None) -> int:
    """The number of refused changes (columns of `REFUSED_SCHEMA`) that broke a rule of severity
    `reject`.
    """
    if refused is None:
        return 0
    counts = Counter[str](refused["reason"].to_pylist())
    return sum(count for reason, count in counts.items() if reason in _RULES)


def count_rejected(
    transaction: Transaction, spec: ObjectSpec, landed: int, refused: Collection[pa.Table | None]
) -> None:
    """Count what rules of severity `reject` kept out of `landed` changes."""
    if spec.has_reject_rules:
        add_scores(transaction, spec, rejected_scores(landed, sum(map(rejected_by_rules, refused))))
