"""Compare records on both sides and name those that differ.

The org is asked first, the warehouse `settle` later. So the warehouse must by then have
everything that the org's answer showed; what it has beyond that happened since, and is no
difference. Nothing has to stand still.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.ingest.positions import SECOND_MS
from schemas.reconcile import DifferenceKind
from transforms.reconcile.row_digests import Facts

COMMIT_LAG_MS = 5 * SECOND_MS
"""By how much a commit may come after the modstamp of what it commits; 1 to 3 s are seen
(estuary/connectors, pull request 2678).
"""

_Mask = NDArray[np.bool_]


class RowComparison(NamedTuple):
    """Ids by what is wrong with them, and those that must be looked at again."""

    kinds: dict[DifferenceKind, list[str]]
    unsettled: list[str]
    records: int
    """On either side."""
    above: list[str]
    """Of the different ones: the warehouse's last change stands above the org's, so that a repair
    in its own place would not win.
    """
    moved: list[str]
    """Neither different nor unsettled: the warehouse holds a later change than the org's answer,
    which may have come since.
    """


def compare_rows(
    org: Facts, warehouse: Facts, *, asked_from_ms: int, ahead_from_ms: int, has_digests: bool
) -> RowComparison:
    """Hold the org's facts against the warehouse's.

    Args:
        org: One row a record; every record that was asked about and exists, deleted ones too.
        warehouse: Its rows of the same records, in any order.
        asked_from_ms: What was committed before could be seen in the org's answer (its clock,
            epoch milliseconds).
        ahead_from_ms: A change that is later lies ahead of the clock.
        has_digests: False compares no fields.
    """
    org, warehouse = _by_id(org), _by_id(warehouse)
    doubled = np.zeros(len(warehouse), bool)
    doubled[1:] = warehouse["id"][1:] == warehouse["id"][:-1]
    duplicates = np.unique(warehouse["id"][doubled])
    single = warehouse[~doubled]
    here, there = _matched(org["id"], single["id"])
    alone, missing = _others(len(single), there), _others(len(org), here)
    kinds = {DifferenceKind.DUPLICATE: _names(duplicates), DifferenceKind.MISSING: _names(org["id"][missing])}
    is_ahead = alone & (single["stamp"] > ahead_from_ms)
    gone = alone & ~single["deleted"] & ~is_ahead
    is_new = gone & (single["stamp"] >= asked_from_ms)
    kinds[DifferenceKind.GONE] = _names(single["id"][gone & ~is_new])
    both = ~np.isin(org["id"][here], duplicates)
    times = {"asked_from_ms": asked_from_ms, "ahead_from_ms": ahead_from_ms}
    pairs = _judge_pairs(org[here][both], single[there][both], **times, has_digests=has_digests)
    ahead = _names(single["id"][is_ahead])
    kinds |= pairs.kinds
    kinds[DifferenceKind.AHEAD] = kinds[DifferenceKind.AHEAD] + ahead
    return RowComparison(
        {kind: ids for kind, ids in kinds.items() if ids},
        pairs.unsettled + _names(single["id"][is_new]),
        len(org) + int(alone.sum()),
        pairs.above + ahead,
        pairs.moved,
    )


def undecided(found: RowComparison, record_ids: Collection[str]) -> RowComparison:
    """The judgement in which no fields of these records are different yet: they must be looked at
    again, field by field.
    """
    names = found.kinds.get(DifferenceKind.FIELDS, [])
    waiting = {name for name in names if name in record_ids}
    if not waiting:
        return found
    kinds = dict(found.kinds)
    kinds[DifferenceKind.FIELDS] = [name for name in names if name not in waiting]
    kinds = {kind: ids for kind, ids in kinds.items() if ids}
    above = [name for name in found.above if name not in waiting]
    return found._replace(kinds=kinds, above=above, unsettled=[*found.unsettled, *sorted(waiting)])


def _others(count: int, places: NDArray[np.intp]) -> _Mask:
    """True for each of `count` rows that is not at one of the places."""
    found = np.ones(count, np.bool_)
    found[places] = False
    return found


def _by_id(facts: Facts) -> Facts:
    # Sorting the column and taking the rows costs a third of sorting the rows.
    return facts[np.argsort(np.ascontiguousarray(facts["id"]), kind="stable")]


def _matched(
    left: NDArray[np.bytes_], right: NDArray[np.bytes_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if not len(right) or not len(left):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    place = np.minimum(np.searchsorted(right, left), len(right) - 1)
    here = np.flatnonzero(right[place] == left)
    return here, place[here]


class _Pairs(NamedTuple):
    """As of `RowComparison`, of the records that both sides have once."""

    kinds: dict[DifferenceKind, list[str]]
    unsettled: list[str]
    above: list[str]
    moved: list[str]


def _judge_pairs(
    org: Facts, warehouse: Facts, *, asked_from_ms: int, ahead_from_ms: int, has_digests: bool
) -> _Pairs:
    lmd, modstamp = _second(org["lmd"]), _second(org["stamp"])
    known_lmd, known = _second(warehouse["lmd"]), warehouse["stamp"]
    # Whatever else is wrong, or seems right: no later change can come into force.
    ahead = known > ahead_from_ms
    since = known >= asked_from_ms  # the warehouse has a change that the org's answer need not show
    both_live = ~org["deleted"] & ~warehouse["deleted"] & ~ahead
    extra = org["deleted"] & ~warehouse["deleted"] & ~ahead
    deleted = ~org["deleted"] & warehouse["deleted"] & ~ahead
    stale = both_live & ((known_lmd < lmd) | ((known_lmd == lmd) & (_second(known) < modstamp)))
    same = both_live & (known_lmd == lmd) & ~stale
    incomplete = same & ~warehouse["complete"]
    other = np.zeros(len(org), bool)
    if has_digests:
        other = same & ~incomplete & (org["digest"] != warehouse["digest"])
    # A later time of change than the org's own is right only when the change is later than the
    # answer.
    later = both_live & (known_lmd > lmd)
    may_move = since | (org["stamp"] >= asked_from_ms)
    found = {
        DifferenceKind.EXTRA: extra & ~(since & (known > org["stamp"] + COMMIT_LAG_MS)),
        DifferenceKind.DELETED: deleted & ~since,
        DifferenceKind.STALE: stale,
        DifferenceKind.FIELDS: other & ~may_move,
        DifferenceKind.INCOMPLETE: incomplete,
        DifferenceKind.AHEAD: ahead | (later & ~since),
    }
    differs = np.logical_or.reduce(list(found.values()))
    unsettled = (extra | deleted | other) & ~differs
    return _Pairs(
        {kind: _names(org["id"][mask]) for kind, mask in found.items()},
        _names(org["id"][unsettled]),
        _names(org["id"][differs & (ahead | (_second(known) > modstamp))]),
        _names(org["id"][later & since]),
    )


def _second(milliseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    return milliseconds // SECOND_MS


def _names(ids: NDArray[np.bytes_]) -> list[str]:
    return [name.decode() for name in ids.tolist()]
