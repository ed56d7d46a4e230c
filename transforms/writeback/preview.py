"""Preview a writeback's effect on a record as it is now, and the cost of a set of them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from schemas.catalogue import ObjectSpec, relationship_name
from schemas.salesforce.describe import DescribedObject
from schemas.writeback.messages import Carrier, WritebackState
from schemas.writeback.preview import Cost, FieldDifference, PreviewEffect, WouldBe
from transforms.writeback.batching import (
    CALL_ROWS,
    JOB_CALLS,
    BatchDraft,
    BatchingConfig,
    Waiting,
    draft_batches,
)
from transforms.writeback.decide import Guard, weigh
from transforms.writeback.equality import same
from transforms.writeback.facts import SeenRecord, ToSend
from transforms.writeback.field_rules import SYSTEM_FIELDS

_AMBIGUOUS = "several records have this external id, so Salesforce refuses it (DUPLICATE_EXTERNAL_ID)"
_BINNED = "a record with this external id is in the recycle bin; another one would be made"


def would_be(
    row: Mapping[str, Any],
    entry: ToSend,
    seen: SeenRecord | None,
    guard: Guard,
    described: DescribedObject | None,
    now: datetime,
) -> WouldBe:
    """The effect of one writeback.

    Args:
        row: As the store would have it.
        entry: The same with its values in plaintext.
        seen: The record as it is, or as earlier ones of the request would have it; None when
            there is none.
        guard: The object's rules.
        described: What the org says of the object's fields; None when nothing is known.
        now: The time.
    """
    spec = guard.spec
    facts = {"index": row["index"], "object": spec.name, "key": row["key"]}
    facts["record_id"] = None if seen is None else seen.record_id or None
    outcome = weigh(entry, seen, (), guard, now)
    if outcome is not None and outcome.state is not WritebackState.WAITING:
        return WouldBe(**facts, effect=PreviewEffect.NOT_SENT, why=outcome.reason)
    values = {} if seen is None else seen.values
    found = [_difference(spec, name, value, values) for name, value in entry.fields.items()]
    differences = tuple(each for each in found if each is not None)
    effect = (
        PreviewEffect.CREATE
        if seen is None
        else PreviewEffect.UPDATE
        if differences
        else PreviewEffect.NOTHING
    )
    warnings = _warnings(spec, entry, described, is_new=seen is None)
    return WouldBe(**facts, effect=effect, differences=differences, warnings=tuple(warnings))


def flagged(found: WouldBe, *, is_ambiguous: bool, is_binned: bool) -> WouldBe:
    """With what the record itself warns of."""
    added = [text for text, holds in ((_AMBIGUOUS, is_ambiguous), (_BINNED, is_binned)) if holds]
    return found.model_copy(update={"warnings": (*found.warnings, *added)}) if added else found


def cost_of(object_name: str, waiting: Sequence[Waiting], now: datetime, terms: BatchingConfig) -> Cost:
    """The cost of an object's writebacks if they were accepted now, and nothing else waited."""
    drafts, left = [], list(waiting)
    at_once = BatchingConfig(linger=timedelta(0), job_time=terms.job_time, job_rows=terms.job_rows)
    while left:  # several of one record go one after the other
        made = draft_batches(left, (), most=len(left), now=now, terms=at_once)
        taken = {each.number for draft in made for entry in draft.entries for each in entry.members}
        drafts += made
        left = [each for each in left if each.number not in taken]
        if not taken:
            break
    locks = Counter(name for each in waiting for name in set(each.parents))
    shared = {name for name, count in locks.items() if count > 1}
    return Cost(
        object=object_name,
        carrier=drafts[0].carrier if drafts else Carrier.COLLECTIONS,
        batches=len(drafts),
        calls=sum(map(_calls, drafts)),
        sharing=sum(1 for each in waiting if shared.intersection(each.parents)),
        parents=len(shared),
    )


def _calls(draft: BatchDraft) -> int:
    reads = -(-len(draft.entries) // CALL_ROWS)
    return reads + (JOB_CALLS if draft.carrier is Carrier.BULK else reads)


def _difference(spec: ObjectSpec, name: str, value: Any, values: Mapping[str, Any]) -> FieldDifference | None:
    known = spec.fields.get(name)
    if isinstance(value, Mapping):
        return FieldDifference(field=name, is_hidden=True)
    if values and same(spec, name, value, values):
        return None
    if known is None or known.is_protected:
        return FieldDifference(field=name, is_hidden=True)
    return FieldDifference(field=name, now=values.get(name), then=value)


def _warnings(
    spec: ObjectSpec, entry: ToSend, described: DescribedObject | None, *, is_new: bool
) -> list[str]:
    found = []
    if is_new:
        given = {*entry.fields, *(name for name in spec.fields if relationship_name(name) in entry.fields)}
        missing = [
            name
            for name, field in spec.fields.items()
            if field.required and name not in given and name not in SYSTEM_FIELDS and name != "OwnerId"
        ]
        if missing:
            found.append(f"a new record needs {', '.join(sorted(missing))}")
    for name in entry.fields:
        fact = None if described is None else described.fields.get(name)
        if fact is not None and not (fact.createable if is_new else fact.updateable):
            found.append(f"{name} cannot be {'set when a record is made' if is_new else 'changed'}")
    return found
