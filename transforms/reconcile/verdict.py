"""Sum up the steps of a reconciliation: its suspects, its counts and its verdict."""

from collections.abc import Sequence

from schemas.reconcile import Depth, DifferenceKind, LogCheck, ReconcileState, Verdict
from schemas.reconcile_steps import ComparedFacts, DifferingBuckets


def doubtful_records_of(days: DifferingBuckets, depth: Depth) -> list[ComparedFacts]:
    """Records that aggregates tell nothing of: those ahead of the clock, and, unless every field
    is compared, those with isolated fields.
    """
    found = []
    if days.ahead_key is not None:
        kinds = {DifferenceKind.AHEAD.value: days.ahead}
        found.append(ComparedFacts(differing=days.ahead, kinds=kinds, above_key=days.ahead_key))
    if days.isolated_key is not None and depth is not Depth.FIELDS:
        found.append(ComparedFacts(unsettled=days.isolated, unsettled_key=days.isolated_key))
    return found


def kinds_of(compared: Sequence[ComparedFacts]) -> dict[str, int]:
    """Kind -> number of differing records, over several comparisons."""
    kinds: dict[str, int] = {}
    for each in compared:
        for kind, count in each.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return kinds


def log_checked(total: LogCheck, part: LogCheck) -> LogCheck:
    """The check of the change log so far, with one more stretch."""
    return LogCheck(
        records=total.records + part.records,
        altered=total.altered + part.altered,
        duplicated=total.duplicated + part.duplicated,
        mended=total.mended + part.mended,
        after=part.after,
        done=part.done,
    )


def verdict_of(state: ReconcileState, *, repairs: bool) -> Verdict:
    """The verdict about a state whose counts are final. `repairs` False: what was found stays a
    difference.
    """
    altered = 0 if state.log is None else state.log.altered
    unmended = 0 if state.log is None else altered - state.log.mended
    if state.left or unmended or (state.found and not repairs) or state.trouble:
        return Verdict.DIFFERS
    if state.isolated is not None and state.isolated.fields:
        return Verdict.ISOLATED
    return Verdict.REPAIRED if state.found or altered else Verdict.EQUAL
