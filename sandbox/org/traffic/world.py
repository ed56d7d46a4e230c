"""The traffic's knowledge of the org: live records, records in the bin, users.

A few accounts are hot and most are not, and cases are worked on when they are young; both by a
power of a random number, which is the cheapest skew there is. Records that were there before are
drawn by their number, evenly, if a run asks for them: ids follow from numbers, so that takes no
list of millions.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from sandbox.org.state.org import Org
from sandbox.org.traffic.texts import Texts

Drawn = TypeVar("Drawn")
_KNOWN_AT_START = 200_000
"""Records of an object that a run picks up from what is there; the youngest."""
_BIN = 2_000
_POOL = 4_000
"""How many times and telephone numbers there are to draw from."""
_LONG_TEXTS = 200
_TRIES = 20
"""Numbers that are drawn for an old record that is not gone."""


class World:
    """Everything a scene draws from. `old_share` as of `TrafficPlan`."""

    def __init__(self, org: Org, seed: int, *, old_share: float = 0) -> None:
        rng = Random(seed)  # noqa: S311 -- reproducible choices are the point
        self.random = rng.random
        self.texts = Texts(seed)
        self._days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
        self._stamps = [
            f"{rng.choice(self._days)}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}.000Z"
            for _ in range(_POOL)
        ]
        self._phones = [f"+49 30 {rng.randrange(10**8):08d}" for _ in range(_POOL)]
        self.users: list[str] = _ids(org, "User")
        self.counters = {name: records.ids for name, records in org.records.items()}
        self._old_share = old_share
        self._old = {name: ids.counter if old_share else 0 for name, ids in self.counters.items()}
        """How many ids had been made before; 0 when old records are not drawn by number."""
        self._old_gone: set[str] = set()
        self.live: dict[str, list[str]] = {
            name: [] if self._old[name] else _ids(org, name) for name in org.store.tracked
        }
        """Records by object, without those that are drawn by number."""
        self.binned: list[tuple[str, str]] = []
        """Deleted records (object, id) that may come back."""
        self.long_texts: list[tuple[str, list[str]]] = _long_texts(org)
        """Cases with a long description: id and lines."""

    def pick(self, choices: Sequence[Drawn]) -> Drawn:
        return choices[int(self.random() * len(choices))]

    def chance(self, share: float) -> bool:
        return self.random() < share

    def note(self) -> str:
        """A text of 640 to 990 characters."""
        notes = self.texts.notes
        return notes[int(self.random() * len(notes))]

    def amount(self, most: float) -> float:
        return round(self.random() * most, 2)

    def day(self) -> str:
        """A date of the enrolment year."""
        return self._days[int(self.random() * len(self._days))]

    def stamp(self) -> str:
        """A time of the enrolment year."""
        return self._stamps[int(self.random() * len(self._stamps))]

    def phone(self) -> str:
        return self._phones[int(self.random() * len(self._phones))]

    def external_id(self, object_name: str, prefix: str) -> str:
        """The id that the outside system gives to the next record of the object; never given
        twice.
        """
        return f"{prefix}-{self.counters[object_name].counter + 1:09d}"

    def hot(self, object_name: str) -> str | None:
        """A live record, the first ones by far the most often; None when there is none."""
        live = self.live[object_name]
        if self._takes_old(object_name):
            return self._old_record(object_name)
        return live[int(len(live) * self.random() ** 4)] if live else None

    def young(self, object_name: str) -> str | None:
        """A live record, the latest ones the most often; None when there is none."""
        live = self.live[object_name]
        if self._takes_old(object_name):
            return self._old_record(object_name)
        return live[-1 - int(len(live) * self.random() ** 3)] if live else None

    def neighbours(self, object_name: str, count: int) -> list[str]:
        """Live records that were made one after another, fewer when some of them are gone; empty
        when there are not so many.
        """
        live = self.live[object_name]
        if self._takes_old(object_name) and self._old[object_name] > count:
            first = 1 + int(self.random() * (self._old[object_name] - count))
            ids = map(self.counters[object_name].made, range(first, first + count))
            return [record_id for record_id in ids if record_id not in self._old_gone]
        if len(live) <= count:
            return []
        start = int(self.random() * (len(live) - count))
        return live[start : start + count]

    def remove(self, object_name: str) -> str | None:
        """Take a live record out, for deletion."""
        live = self.live[object_name]
        if self._takes_old(object_name):
            record_id = self._old_record(object_name)
            if record_id is None:
                return None
            self._old_gone.add(record_id)
        elif live:
            place = int(len(live) * self.random())
            record_id = live[place]
            live[place] = live[-1]
            live.pop()
        else:
            return None
        if len(self.binned) < _BIN:
            self.binned.append((object_name, record_id))
        return record_id

    def restore(self, object_name: str, record_id: str) -> None:
        """Take a record in again that came back from the bin."""
        if record_id in self._old_gone:
            self._old_gone.remove(record_id)
        else:
            self.live[object_name].append(record_id)

    def forget(self, object_name: str, record_id: str) -> None:
        """Somebody else deleted the record."""
        live = self.live[object_name]
        if record_id in live:
            live.remove(record_id)

    def _takes_old(self, object_name: str) -> bool:
        """Whether the next record is an old one: always, as long as the run has made none."""
        if not self._old[object_name]:
            return False
        return not self.live[object_name] or self.random() < self._old_share

    def _old_record(self, object_name: str) -> str | None:
        """One of the old records; it may have been deleted before the run. None when those that are
        tried are gone.
        """
        ids, count = self.counters[object_name], self._old[object_name]
        for _ in range(_TRIES):
            record_id = ids.made(1 + int(self.random() * count))
            if record_id not in self._old_gone:
                return record_id
        return None


def _ids(org: Org, object_name: str) -> list[str]:
    rows = org.store.connection.execute(
        f'SELECT Id FROM "{object_name}" WHERE IsDeleted = 0 ORDER BY Id DESC LIMIT ?', (_KNOWN_AT_START,)
    )
    return [row[0] for row in rows][::-1]


def _long_texts(org: Org) -> list[tuple[str, list[str]]]:
    rows = org.store.connection.execute(
        'SELECT Id, Description FROM (SELECT Id, Description, IsDeleted FROM "Case" ORDER BY Id DESC LIMIT 20000) '
        "WHERE IsDeleted = 0 AND length(Description) > 1000 LIMIT ?",
        (_LONG_TEXTS,),
    )
    return [(row[0], row[1].split("\n")) for row in rows]
