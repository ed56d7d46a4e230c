"""Decide what to do with a batch entry: before sending, from the record's current values; after a
lost response, from the org's present state.

Salesforce's LastModifiedDate has seconds, and so have the commit times of most events; our own
have more. Where the two have to be compared, a change of the same second is taken for the newer
one: what is held can be sent later, what is overwritten is gone.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.catalogue import ObjectSpec
from schemas.writeback.messages import ConflictPolicy, WritebackState
from transforms.ingest.snapshots import REFRESH_ORIGIN, REPAIR_ORIGIN
from transforms.writeback.echo import came_from
from transforms.writeback.equality import ID_CHARACTERS, paths, same
from transforms.writeback.facts import OtherChange, Outcome, SeenRecord, SentAt, ToSend, whole_second
from transforms.writeback.row_errors import read_row_error

CHANGE_LOG_RETRY = timedelta(seconds=3)
"""How long an entry waits for a change of its record that the change log has not got yet; then it
is decided about again.
"""
CHANGE_LOG_MARGIN = timedelta(seconds=90)
"""Time before its deadline at which a writeback stops waiting for the change log."""


@dataclass(frozen=True)
class Guard:
    """Conflict policy for newer Salesforce changes, and the test that recognizes our own writes."""

    spec: ObjectSpec
    policy: Callable[[str], ConflictPolicy]
    """Of a field by its name."""
    us: str
    """The id of the user that writes; empty when it is not known."""
    is_ours: Callable[[OtherChange], bool]


def weigh(
    entry: ToSend, seen: SeenRecord | None, log: Sequence[OtherChange], guard: Guard, now: datetime
) -> Outcome | None:
    """The outcome of an entry that is not sent; None = it is to be sent.

    Args:
        entry: What is to be written.
        seen: The record; None when there is none.
        log: Its changes since the entry was accepted, that the change log has.
        guard: The object's rules.
        now: The time.
    """
    if seen is None:
        return _weigh_missing(entry)
    if seen.is_ambiguous:
        return _dead("DUPLICATE_EXTERNAL_ID", read_row_error("DUPLICATE_EXTERNAL_ID", "").advice, seen)
    wrong = [name for name, value in entry.only_if.items() if not same(guard.spec, name, value, seen.values)]
    if wrong:
        return _dead(
            "precondition",
            f"{_listed(wrong)} no longer the value that only_if asks for. Look at the record, and submit again.",
            seen,
        )
    if entry.unchanged_since is not None and seen.modified_at > entry.unchanged_since:
        return _dead(
            "precondition",
            f"The record was changed at {seen.modified_at:%Y-%m-%d %H:%M:%S} UTC, after unchanged_since. "
            "Look at it, and submit again.",
            seen,
        )
    return _weigh_newer(entry, seen, log, guard, now)


def is_recent(entry: ToSend, seen: SeenRecord | None, guard: Guard) -> bool:
    """True when the record was changed since a guarded field's writeback was accepted, so that the
    change log has to be asked.
    """
    return seen is not None and bool(_recent(entry, seen, guard))


def look_up(
    entry: ToSend, seen: SeenRecord | None, log: Sequence[OtherChange], guard: Guard, sent: "SentAt"
) -> Outcome | None:
    """The outcome of an entry whose call had no answer; None = not known yet.

    `log` has its changes since the batch was sent.
    """
    if any(_is_of_batch(change, guard.us, sent) for change in log):
        return _found(seen)
    if seen is None or seen.deleted_at is not None:
        return _look_up_missing(entry, seen, log, sent)
    if seen.modified_at < sent.second:
        return _not_written(sent)
    is_there = _is_there(entry, seen, guard.spec)
    if is_there and seen.modified_by == guard.us:
        return _found(seen)
    if _is_told(seen, log, seen.modified_by) and all(map(_tells_whose, log)):
        return _found(seen) if is_there and not sent.client else _not_written(sent)
    if sent.now < sent.at + sent.patience:
        return None
    if is_there:
        return _found(seen)
    return _dead(
        "unknown_outcome",
        "The call had no answer, the record was changed by somebody else since, and the change log cannot tell whether "
        "ours was carried out. Look at the record's history in Salesforce; retry or discard.",
        seen,
    )


def is_by_job(change: OtherChange, us: str) -> bool:
    """True when an ingest job of ours made it; such changes come back without a client's name."""
    return bool(us) and change.user[:ID_CHARACTERS] == us[:ID_CHARACTERS] and "bulkapi" in change.origin


def _is_of_batch(change: OtherChange, us: str, sent: SentAt) -> bool:
    """True when the batch made it. No other one of ours writes the record meanwhile: whatever job
    of ours did was this one's, also when the org keeps another value than was sent.
    """
    return came_from(change.origin, sent.client) if sent.client else is_by_job(change, us)


def _weigh_missing(entry: ToSend) -> Outcome | None:
    if entry.only_if:
        return _dead("precondition", "There is no such record, and only_if asks for a value of it.", None)
    if not entry.may_create:
        return _dead(
            "not_found",
            "There is no record with this external id, and may_create is false. Correct the external id, or allow creation.",
            None,
        )
    return None


def _weigh_newer(
    entry: ToSend, seen: SeenRecord, log: Sequence[OtherChange], guard: Guard, now: datetime
) -> Outcome | None:
    recent = _recent(entry, seen, guard)
    if not recent:
        return None
    others = [change for change in log if not guard.is_ours(change)]
    touched = {
        name
        for name, at in recent.items()
        for change in others
        if _is_newer(change, at) and (change.fields is None or name in change.fields)
    }
    if not touched and not _is_told(seen, log):
        if now < entry.deadline - CHANGE_LOG_MARGIN:
            return Outcome(
                WritebackState.WAITING,
                "change_under_way",
                "The record has a change that the change log has not got yet.",
                retry_in=CHANGE_LOG_RETRY,
                is_try=False,
            )
        touched = set() if seen.modified_by == guard.us else set(recent)
    return _newer(touched, seen, guard)


def _recent(entry: ToSend, seen: SeenRecord, guard: Guard) -> dict[str, datetime]:
    return {
        name: at
        for name, at in entry.accepted.items()
        if guard.policy(name) is not ConflictPolicy.YIELDS and seen.foreign >= whole_second(at)
    }


def _newer(touched: Collection[str], seen: SeenRecord, guard: Guard) -> Outcome | None:
    if not touched:
        return None
    holds = sorted(name for name in touched if guard.policy(name) is ConflictPolicy.HOLDS)
    names = _listed(holds or sorted(touched)).removesuffix(" has").removesuffix(" have")
    said = f"{names}: changed in Salesforce after this was accepted"
    if holds:
        return Outcome(
            WritebackState.HELD,
            "newer_change",
            f"{said}. Retry to write all the same, or discard.",
            record_id=seen.record_id,
            is_try=False,
        )
    return Outcome(
        WritebackState.SUPERSEDED,
        "newer_change",
        f"{said}; the newer change wins.",
        record_id=seen.record_id,
        is_try=False,
    )


def _is_newer(change: OtherChange, at: datetime) -> bool:
    """True when a change may have been made after a moment. Commit times and times that a query
    reads have whole seconds: such a change was made anywhere in its own.
    """
    is_whole = change.at == whole_second(change.at)
    return change.at > at or (is_whole and change.at >= whole_second(at))


def _look_up_missing(
    entry: ToSend, seen: SeenRecord | None, log: Sequence[OtherChange], sent: "SentAt"
) -> Outcome | None:
    """As `look_up`, of a record that is not there, or is in the recycle bin."""
    is_new = seen is not None and seen.touched_at >= sent.second
    if is_new and seen is not None and not _is_told(seen, log) and sent.now < sent.at + sent.patience:
        return None
    if entry.existed or (is_new and seen is not None and not _is_told(seen, log)):
        return _dead(
            "deleted",
            "The record was deleted while the call was on its way. Submit again to make it again.",
            seen,
        )
    return _not_written(sent)


def _is_there(entry: ToSend, seen: SeenRecord, spec: ObjectSpec) -> bool:
    """True when the record has the values that were sent, as far as they can be compared."""
    can_compare = any(
        path in seen.values for name, value in entry.fields.items() for path in paths(spec, name, value)
    )
    return can_compare and all(same(spec, name, value, seen.values) for name, value in entry.fields.items())


def _is_told(seen: SeenRecord, log: Sequence[OtherChange], by: str = "") -> bool:
    """True when the change log has the change that the record was last modified by; `by`: whose it
    was, empty: anybody's.
    """
    return any(
        whole_second(change.at) >= seen.touched_at
        and (not by or not change.user or change.user[:ID_CHARACTERS] == by[:ID_CHARACTERS])
        for change in log
    )


def _tells_whose(change: OtherChange) -> bool:
    """True for an event, a creation's included; a record that was read as a whole may have several
    changes in it.
    """
    return change.fields is not None or change.origin not in ("", REFRESH_ORIGIN, REPAIR_ORIGIN)


def _not_written(sent: SentAt) -> Outcome | None:
    """Send it again, once the org can no longer be at the call that was given up."""
    if sent.now < sent.at + sent.settled_after:
        return None
    return Outcome(
        WritebackState.WAITING,
        "no_answer",
        "The call had no answer and was not carried out; it is sent again by itself.",
        looked_up=True,
    )


def _found(seen: SeenRecord | None) -> Outcome:
    return Outcome(WritebackState.DONE, record_id=None if seen is None else seen.record_id, looked_up=True)


def _dead(code: str, reason: str, seen: SeenRecord | None) -> Outcome:
    return Outcome(
        WritebackState.DEAD, code, reason, record_id=None if seen is None else seen.record_id, is_try=False
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
