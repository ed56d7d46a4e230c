"""The names of runs: one derivation for the command, the API and the schedules.

A name says what is asked, so the same question is the same run at every door and another
question is another run. Names are parts of workflow ids, which are stored: decision 0030 lists
those that have changed.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, time

import orjson

from schemas.ids import ORIGIN
from schemas.reconcile import Depth
from schemas.replay import ReplaySelection

_DIGITS = 12
"""Hex digits of a hash in a name."""
_LONGEST_FIELDS = 40
"""Characters; longer lists of fields are named by their hash."""


def time_window_name(since: datetime | None, until: datetime | None) -> str:
    """A time window as a word: `all`, `2026-11-01..2026-11-08`, `2026-11-01T10:00:00Z..now`.

    Args:
        since: First moment; None = from the beginning, written `origin`.
        until: First moment after it; None = open, written `now`.
    """
    if since is None and until is None:
        return "all"
    return f"{ORIGIN if since is None else _moment(since)}..{'now' if until is None else _moment(until)}"


def _moment(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc.time() == time() else utc.isoformat().replace("+00:00", "Z")


def id_list(ids: Iterable[str]) -> bytes:
    """Record ids as they are stored: a JSON list, sorted, each once."""
    return orjson.dumps(sorted(set(ids)))


def id_list_digest(listed: bytes) -> str:
    """The SHA-256 of a stored list in hex: the list's key in the object store is made of it."""
    return hashlib.sha256(listed).hexdigest()


def id_list_name(listed: bytes) -> str:
    """A list of record ids as a word: `ids-` and 12 hex digits."""
    return f"ids-{id_list_digest(listed)[:_DIGITS]}"


def backfill_name(
    since: datetime | None, until: datetime | None, listed: bytes | None = None, *, is_repair: bool = False
) -> str:
    """The name of a backfill among those of its object.

    Args:
        since: As of `BackfillInput`.
        until: As of `BackfillInput`.
        listed: Record ids from `id_list`; None = the rows of the time window.
        is_repair: As of `BackfillInput`; True adds `.repair`.
    """
    what = time_window_name(since, until) if listed is None else id_list_name(listed)
    return f"{what}.repair" if is_repair else what


def again_name(name: str, at: datetime) -> str:
    """Another run that reads the same, named by the time of asking."""
    return f"{name}+{at.astimezone(UTC):%Y%m%dT%H%M%S}"


def reconcile_name(
    since: datetime | None,
    until: datetime | None,
    depth: Depth,
    *,
    repairs: bool = True,
    checks_log: bool = True,
) -> str:
    """The name of a reconciliation among those of its object: `all.buckets`,
    `2026-11-01..now.fields.no-repair.no-log`.

    Args:
        since: As of `ReconcileInput`, like the others.
        until: First moment after the window; None = now.
        depth: Always named.
        repairs: False adds `.no-repair`.
        checks_log: False adds `.no-log`.
    """
    repair = "" if repairs else ".no-repair"
    log = "" if checks_log else ".no-log"
    return f"{time_window_name(since, until)}.{depth}{repair}{log}"


def erasure_name(record_ids: Iterable[str], *, with_related: bool, is_dry: bool) -> str:
    """The name of an erasure: `ids-` and 12 hex digits, `.related` and `.dry-run` where they were
    asked for.
    """
    related, dry = ".related" if with_related else "", ".dry-run" if is_dry else ""
    return f"{id_list_name(id_list(record_ids))}{related}{dry}"


def refresh_name(fields: tuple[str, ...], *, is_whole: bool) -> str:
    """The name of a refresh among those of its object: `calculated`, `Amount__c+Grade__c`,
    `fields-` and 12 hex digits.

    Args:
        fields: Those that are read; empty = the object's calculated fields.
        is_whole: True = every record; adds `.all`.
    """
    named = "+".join(sorted(set(fields))) or "calculated"
    if len(named) > _LONGEST_FIELDS:
        named = f"fields-{hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]}"
    return f"{named}.all" if is_whole else named


def replay_name(selection: ReplaySelection, shadow: str | None = None) -> str:
    """The key of a replay: `changes,Case,2026-11-24..now`; `all` for everything.

    Args:
        selection: What is replayed.
        shadow: As of `ReplayInput`; None = into the tables themselves.
    """
    choice = selection.quarantine
    parts = [
        f"shadow-{shadow}" if shadow else "",
        selection.lane or "",
        selection.object or "",
        selection.record or "",
        _range(selection),
        "" if choice is None else f"quarantine-{choice.reason or choice.batch or 'all'}".replace("/", "."),
    ]
    return ",".join(part for part in parts if part) or "all"


def _range(selection: ReplaySelection) -> str:
    """Positions or times; "" for the whole lane."""
    if selection.from_position is not None or selection.to_position is not None:
        return f"{selection.from_position or ORIGIN}..{selection.to_position or 'now'}"
    if selection.since is None and selection.until is None:
        return ""
    return time_window_name(selection.since, selection.until)
