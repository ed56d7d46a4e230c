"""From the change log to steps: where a record counted before and after each of its changes.

A small fold, of the few columns that aggregates look at; `transforms.apply.fold` says what a
change does to a row, and this says the same.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from schemas.ingest.change_types import DELETE, WHOLE
from schemas.ingest.positions import epoch_ms
from schemas.reconcile import Grain, Range
from transforms.reconcile.buckets import BucketPlace, BucketStep, Moving

_LMD = "last_modified_date"


def add_moves(
    moving: Moving,
    rows: Iterable[Sequence[Any]],
    names: Sequence[str],
    *,
    since_ms: int,
    grain: Grain,
    ranges: Sequence[Range],
) -> None:
    """Take in the whole log of some records.

    Args:
        moving: Is added to.
        rows: record_id, change_order, change_type, changed_at, changed_fields, LastModifiedDate,
            numbers.
        names: Columns of the values, from LastModifiedDate on.
        since_ms: Where `moving` begins; what happened before is one state.
        grain: Of the buckets.
        ranges: Records outside them do not count.
    """
    for record_id, changes in groupby(sorted(rows, key=itemgetter(0, 1)), key=itemgetter(0)):
        values: dict[str, Any] = {}
        is_deleted = False
        moving.before[record_id] = None
        for _, _, change_type, changed_at, changed, *carried in changes:
            is_deleted = change_type == DELETE or (is_deleted and change_type not in WHOLE)
            _set(values, change_type, changed, dict(zip(names, carried, strict=True)))
            place = None if is_deleted else _place(values, names, grain, ranges)
            at_ms = epoch_ms(changed_at)
            if at_ms < since_ms:
                moving.before[record_id] = place
            else:
                moving.steps.append(BucketStep(at_ms, record_id, place))


def _set(values: dict[str, Any], change_type: str, changed: str | None, carried: dict[str, Any]) -> None:
    if change_type in WHOLE and changed is None:
        values.update(carried)
    elif change_type != DELETE:
        fields = set((changed or "").split(","))
        values.update({name: value for name, value in carried.items() if name in fields})


def _place(
    values: dict[str, Any], names: Sequence[str], grain: Grain, ranges: Sequence[Range]
) -> BucketPlace | None:
    lmd: datetime | None = values.get(_LMD)
    if lmd is None or not any(_holds(each, lmd) for each in ranges):
        return None
    seconds = lmd.timestamp()
    numbers = tuple(float(values.get(name) or 0) for name in names if name != _LMD)
    return BucketPlace(int(seconds // grain.seconds), round(seconds * 1_000), numbers)


def _holds(each: Range, moment: datetime) -> bool:
    return (each.since is None or moment >= each.since) and (each.until is None or moment < each.until)
