"""Objects that have had their time, by the rule of their prefix, and their removal.

The one place of retention that deletes from the engine's bucket. It refuses every key that is not
below its rule's own prefix, so no rule can reach `keys/` or `chain/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from clients.retention.needed_batches import NeededBatches
from clients.storage.object_facts import ObjectEntry
from clients.storage.objects import ObjectStore
from schemas.errors import TerminalError
from schemas.security.retention import REMOVED_AT_ONCE, PrefixRule
from transforms.retention.periods import months_before

_LAST = "~"
"""Sorts after everything that a key of ours holds."""
NEVER = ("keys/", "chain/", "archive/")
"""Prefixes that no rule may name."""


@dataclass(frozen=True)
class Removed:
    """The outcome for the objects that are due by one rule."""

    objects: int = 0
    bytes: int = 0
    kept: int = 0
    first: str = ""
    """Key of the first object that was removed."""
    reasons: tuple[str, ...] = ()


class Removal:
    """The objects of one rule. Its methods block."""

    def __init__(self, store: ObjectStore, needed: NeededBatches, rule: PrefixRule, org: str) -> None:
        self.prefix = rule.of(org)
        if not self.prefix or self.prefix.startswith(NEVER) or "{" in self.prefix:
            raise TerminalError(
                f"The rule {rule.name} names the prefix {self.prefix!r}, which must never be removed."
            )
        self._store = store
        self._needed = needed
        self.rule = rule

    def oldest_due(self, now: datetime) -> datetime | None:
        """Since when the first object that is due has been so; None = nothing is. Objects that are
        still needed count as well.
        """
        cutoff = self.cutoff(now)
        entry = next(iter(self._due(cutoff)), None)
        if entry is None:
            return None
        return now - (cutoff - self._age_from(entry))

    def cutoff(self, now: datetime) -> datetime:
        """Objects from before it are due."""
        return months_before(now, self.rule.keep_months) - timedelta(days=self.rule.keep_days)

    def due(self, now: datetime) -> Iterator[ObjectEntry]:
        """The objects that are due, whether needed or not."""
        return self._due(self.cutoff(now))

    def remove(self, now: datetime) -> Removed:
        """Delete what is due and not needed."""
        done = Removed()
        entries = self.due(now)
        while some := list(islice(entries, REMOVED_AT_ONCE)):
            reasons = self._reasons(some)
            gone = [each for each in some if each.key not in reasons]
            self._delete([each.key for each in gone])
            done = Removed(
                objects=done.objects + len(gone),
                bytes=done.bytes + sum(each.bytes for each in gone),
                kept=done.kept + len(reasons),
                first=done.first or next((each.key for each in gone), ""),
                reasons=tuple(sorted({*done.reasons, *reasons.values()})),
            )
        return done

    def _delete(self, keys: list[str]) -> None:
        if wrong := [key for key in keys if not key.startswith(self.prefix) or key.startswith(NEVER)]:
            raise TerminalError(f"{wrong[0]} is not below {self.prefix}. Nothing of this list was deleted.")
        if keys:
            self._store.delete_many(keys)

    def _reasons(self, entries: list[ObjectEntry]) -> dict[str, str]:
        """Key -> why the object is needed, of those that are."""
        if not self.rule.needs_applied:
            return {}
        places = {each.key: _place_of(each.key) for each in entries}
        needed = self._needed.needed(places.values())
        return {key: needed[place] for key, place in places.items() if place in needed}

    def _due(self, cutoff: datetime) -> Iterator[ObjectEntry]:
        if self.rule.name == "raw":
            yield from self._due_by_day(cutoff)
            return
        for entry in self._store.entries(self.prefix):
            if entry.written_at < cutoff:
                yield entry

    def _due_by_day(self, cutoff: datetime) -> Iterator[ObjectEntry]:
        """Raw files lie in folders by day, so a lane's listing ends where the first young one
        begins.
        """
        after = ""
        while (first := next(self._store.keys(self.prefix, after=after), None)) is not None:
            lane = first.removeprefix(self.prefix).partition("/")[0]
            for entry in self._store.entries(f"{self.prefix}{lane}/"):
                if self._age_from(entry) >= cutoff:
                    break
                yield entry
            after = f"{self.prefix}{lane}/{_LAST}"

    def _age_from(self, entry: ObjectEntry) -> datetime:
        """From when the object's age counts: a raw file from the end of the day of its landing."""
        if self.rule.name != "raw":
            return entry.written_at.astimezone(UTC)
        day = date.fromisoformat(entry.key.split("/")[3].removeprefix("dt="))
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _place_of(key: str) -> tuple[str, str]:
    """Lane and padded start of the batch of a raw or a staged file."""
    kind, _, lane, third, last = key.split("/")[:5]
    return lane, last.rpartition("-")[0] if kind == "raw" else third
