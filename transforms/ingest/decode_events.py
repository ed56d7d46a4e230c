"""From raw events to typed changes: fan out, check, and name with a reason what does not fit.

Law 8 begins here: every change that was landed comes out either as a typed change or as a
refusal, never neither and never both. A merged event with ten recordIds comes out as ten. Law
10, too: a value that does not fit its field is isolated and named, and the rest of its change
goes on. Refused is a change that cannot be identified or ordered, or that breaks a rule of
severity `reject`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from schemas.catalogue import Catalogue
from schemas.ingest.change_types import SNAPSHOT
from schemas.ingest.raw import ERASED_MARK
from schemas.quality import Rule
from schemas.salesforce.limits import CLOCK_ALLOWANCE
from transforms import exact_json
from transforms.ingest.change_header import BAD_HEADER, ChangeHeader, EventRefusedError, read_header
from transforms.ingest.read_payload import PayloadReader
from transforms.misfits import MisfitError
from transforms.pii import HEADER
from transforms.quality import findings

# Reasons of quarantine, as stored, beside the names of rules
BROKEN_MESSAGE = "broken_message"
AHEAD_OF_CLOCK = "ahead_of_clock"
UNKNOWN_OBJECT = "unknown_object"
MISSING_REQUIRED = "missing_required"
NEEDS_REREAD = "needs_reread"
UNKNOWN_FIELD = Rule.UNKNOWN_FIELD.value
"""Of changes that releases before 0.2 refused for a field that their catalogue lacked."""
REASONS = (
    BROKEN_MESSAGE,
    BAD_HEADER,
    AHEAD_OF_CLOCK,
    UNKNOWN_OBJECT,
    MISSING_REQUIRED,
    NEEDS_REREAD,
    *(rule.value for rule in Rule),
)
"""Rules stand here for what breaks one of severity `reject`, and for what older releases
refused.
"""
BROKEN = "broken"
"""Key of an event's `data` that could not be read; its value is the message's text, encrypted."""
_AHEAD_MS = round(CLOCK_ALLOWANCE.total_seconds() * 1_000)


class RawEvent(NamedTuple):
    """One row of a raw file."""

    position: str
    object: str
    changes: int
    received_ms: int
    event: bytes
    place: int | None = None
    """Changes of the file before this event; None: those of the events before it here."""


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change, or a whole event of `changes` changes, that goes to quarantine."""

    ordinal: int
    object: str
    record_id: str | None
    position: str
    reason: str
    detail: str
    event: bytes
    received_ms: int


@dataclass(slots=True)
class DecodedObject:
    """One object's share of a batch. `rows` are in the order of `schemas.tables.staged_columns`,
    batch left None.

    Times of the header are epoch milliseconds; Arrow makes timestamps of them faster than Python
    does.
    """

    landed: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    refusals: list[RefusedChange] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    """Records whose values were taken out of raw."""


def decode_events(
    events: Iterable[RawEvent],
    catalogue: Catalogue,
    *,
    loads: Callable[[bytes], Any] = orjson.loads,
    judged_ms: int = 0,
) -> dict[str, DecodedObject]:
    """Every event of a batch, by the object's name as received.

    Args:
        events: As they were landed.
        catalogue: Of the objects.
        loads: Reads an event's JSON.
        judged_ms: When they are judged, in epoch milliseconds, if later than their receipt: what
            was ahead of a clock that was behind may be in the past by now. 0 = at their receipt.
    """
    prefixes = {name: spec.key_prefix for name, spec in catalogue.objects.items()}
    plans = {name: PayloadReader(spec, prefixes) for name, spec in catalogue.objects.items()}
    decoded: dict[str, DecodedObject] = {}
    place = 0
    for event in events:
        place = place if event.place is None else event.place
        share = decoded.setdefault(event.object, DecodedObject())
        share.landed += event.changes
        try:
            latest_ms = max(event.received_ms, judged_ms) + _AHEAD_MS
            share.rows.extend(_changes(event, loads(event.event), plans, share.erased, latest_ms))
        except EventRefusedError as refused:
            for ordinal, record_id in enumerate(refused.record_ids or (None,) * event.changes, place):
                share.refusals.append(_refusal(event, refused, record_id, ordinal))
        # Counted over all changes, not refused ones alone: a row of quarantine keeps its name when
        # others come to fit.
        place += event.changes
    return decoded


def _refusal(
    event: RawEvent, refused: EventRefusedError, record_id: str | None, ordinal: int
) -> RefusedChange:
    return RefusedChange(
        ordinal=ordinal,
        object=event.object,
        record_id=record_id,
        position=event.position,
        reason=refused.reason,
        detail=str(refused)[:1_000].replace("\x00", "\\x00"),
        event=event.event,
        received_ms=event.received_ms,
    )


def _changes(
    event: RawEvent,
    data: dict[str, Any],
    plans: dict[str, "PayloadReader"],
    erased: set[str],
    latest_ms: int,
) -> Iterator[tuple[Any, ...]]:
    if BROKEN in data:
        raise EventRefusedError(
            BROKEN_MESSAGE, "the message is not JSON; ask Salesforce support if it recurs"
        )
    payload = data.get("payload") or {}
    header = read_header(payload.get(HEADER))
    plan, change_type = _plan_of(header, plans, latest_ms)
    is_erased = payload[HEADER].get(ERASED_MARK) is True
    if is_erased:
        erased.update(header.record_ids)
    try:
        values, changed, diffs, found = plan.read(payload, change_type, is_erased=is_erased)
        if change_type == SNAPSHOT and any(each.rule is Rule.DIGITS_LOST for each in found):
            # What a query gave is kept with every digit.
            exact = exact_json.loads(event.event)["payload"]
            values, changed, diffs, found = plan.read(exact, change_type, is_erased=is_erased)
    except MisfitError as misfit:
        reason = MISSING_REQUIRED if misfit.rule is Rule.REQUIRED else misfit.rule.value
        raise EventRefusedError(reason, str(misfit), header.record_ids) from misfit
    isolated, told = (
        (findings.isolated_columns(found), findings.written(tuple(found))) if found else (None, None)
    )
    facts = (header.order, change_type, header.changed_ms, changed, diffs, isolated)
    origin = (header.commit_user, header.change_origin, header.transaction_key)
    rest = (*origin, event.received_ms, None, told, *values)
    for record_id in header.record_ids:
        yield (record_id, *facts, *rest)


def _plan_of(
    header: ChangeHeader, plans: dict[str, "PayloadReader"], latest_ms: int
) -> tuple["PayloadReader", str]:
    """How to read the object's payloads, and the type of the change. Raises `EventRefusedError` for
    a change that cannot be applied, whatever it carries.
    """
    plan = plans.get(header.object)
    if plan is None:
        detail = f"{header.object} is not in the catalogue; add it, or take it out of the channel"
        raise EventRefusedError(UNKNOWN_OBJECT, detail, header.record_ids)
    if header.changed_ms > latest_ms:
        raise EventRefusedError(AHEAD_OF_CLOCK, _ahead_detail(header.changed_ms), header.record_ids)
    if header.change_type is None:
        detail = f"{header.raw_type} carries no values; the records must be read again"
        raise EventRefusedError(NEEDS_REREAD, detail, header.record_ids)
    return plan, header.change_type


def _ahead_detail(changed_ms: int) -> str:
    return (
        f"the commit time {_moment(changed_ms)} lies ahead of the clock, so the change has no place in its record's order; "
        "compare the clocks of the org and of the workers, then re-drive or acknowledge it"
    )


def places_of(event: bytes) -> tuple[tuple[str, ...], str] | None:
    """The records of an event and their changes' `change_order`, whether or not they fit; None when
    the header cannot be read.
    """
    data = orjson.loads(event)
    payload = data.get("payload") if isinstance(data, dict) else None
    if not isinstance(payload, dict):
        return None
    try:
        header = read_header(payload.get(HEADER))
    except EventRefusedError:
        return None
    return header.record_ids, header.order


def _moment(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
