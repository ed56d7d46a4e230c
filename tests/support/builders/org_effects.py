"""Effects of writebacks in the org, by the org's own log of events; and whether the store
agrees.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK, WRITEBACK_ATTEMPT

_CLIENT = re.compile(r"client=tidegate-(\d+\.\d+)")


@dataclass(frozen=True)
class Effect:
    """One change of one record."""

    at: float
    """Epoch seconds."""
    record_id: str
    batch: str
    """Empty: somebody else's."""
    fields: dict[str, Any]
    kind: str


def effects_of(bodies: Sequence[bytes | str]) -> list[Effect]:
    """Events as the org keeps them, in its order."""
    found = []
    for body in bodies:
        payload = orjson.loads(body)["payload"]
        header = payload.pop("ChangeEventHeader")
        told = _CLIENT.search(header.get("changeOrigin") or "")
        batch = told[1] if told else ""
        found += [
            Effect(header["commitTimestamp"] / 1_000, record_id, batch, payload, header["changeType"])
            for record_id in header["recordIds"]
        ]
    return found


@dataclass(frozen=True)
class Comparison:
    """The store's record, beside the org's."""

    rows: list[sa.Row[Any]]
    attempts: list[sa.Row[Any]]
    effects: list[Effect]
    record_ids: dict[str, str]
    """External id -> the record's id, of records that are there."""

    def wrong(self, begun: dict[str, float] | None = None) -> list[str]:
        """Errors, a sentence each.

        `begun`: batch -> when it was opened; a newer change by somebody else that was there by
        then must not be overwritten.
        """
        return [
            *self._not_once(),
            *self._strangers(),
            *self._out_of_order(),
            *(self._overwritten(begun) if begun is not None else []),
        ]

    def _tries(self) -> dict[int, list[sa.Row[Any]]]:
        tries = defaultdict(list)
        for each in self.attempts:
            tries[each.number].append(each)
        return tries

    def _effects_by_batch(self) -> dict[tuple[str, str], list[Effect]]:
        found = defaultdict(list)
        for each in self.effects:
            if each.batch:
                found[each.batch, each.record_id].append(each)
        return found

    def _not_once(self) -> list[str]:
        """Done is one effect, and anything else is none and a reason."""
        ours, tries, wrong = self._effects_by_batch(), self._tries(), []
        for row in self.rows:
            record_id = self.record_ids.get(row.external_id, row.record_id)
            count = sum(len(ours.get((each.batch, record_id), [])) for each in tries[row.number])
            if count != (row.state == "done"):
                wrong.append(f"writeback {row.number} is {row.state} and has {count} effects")
            if row.state not in ("done", "dead", "held", "superseded"):
                wrong.append(f"writeback {row.number} is {row.state}")
            if row.state != "done" and not row.reason:
                wrong.append(f"writeback {row.number} is {row.state} without a reason")
            if sum(each.outcome == "done" for each in tries[row.number]) != (row.state == "done"):
                wrong.append(f"writeback {row.number} is {row.state}; its attempts say otherwise")
        return wrong

    def _strangers(self) -> list[str]:
        known = {(each.batch, each.record_id) for each in self.attempts if each.outcome == "done"}
        return [
            f"{batch} changed {record_id}, which no attempt speaks of"
            for batch, record_id in self._effects_by_batch()
            if (batch, record_id) not in known
        ]

    def _done_in(self) -> dict[tuple[str, str], list[sa.Row[Any]]]:
        """Batch and record id -> the writebacks that it did, in order."""
        rows, found = {row.number: row for row in self.rows}, defaultdict(list)
        for each in sorted(self.attempts, key=lambda each: int(each.number)):
            if each.outcome == "done":
                found[each.batch, each.record_id].append(rows[each.number])
        return found

    def _out_of_order(self) -> list[str]:
        """No lost update: of one record, what was accepted later is written later, and has its
        values.
        """
        done, wrong = self._done_in(), []
        last: dict[str, int] = defaultdict(int)
        for effect in self.effects:
            members = done.get((effect.batch, effect.record_id), [])
            if members and members[0].number < last[effect.record_id]:
                wrong.append(f"writeback {members[0].number} was written after {last[effect.record_id]}")
            for row in members:
                last[effect.record_id] = max(last[effect.record_id], row.number)
            subjects = [row.fields["Subject"] for row in members if "Subject" in row.fields]
            if subjects and effect.fields.get("Subject") != subjects[-1]:
                wrong.append(f"batch {effect.batch} wrote another value than {subjects[-1]}")
        return wrong

    def _overwritten(self, begun: dict[str, float]) -> list[str]:
        done, theirs, wrong = self._done_in(), [each for each in self.effects if not each.batch], []
        for effect in self.effects:
            for row in done.get((effect.batch, effect.record_id), []):
                wrong += [
                    f"writeback {row.number} overwrote a newer {name}"
                    for other in theirs
                    if other.record_id == effect.record_id
                    and row.accepted_at.timestamp() < other.at < begun[effect.batch]
                    for name in set(other.fields) & set(row.fields)
                    if other.kind == "UPDATE"
                ]
        return wrong


def compare(
    store: WritebackStore, bodies: Sequence[bytes | str], record_ids: dict[str, str], *, after: int = 0
) -> Comparison:
    """The writebacks with numbers above `after`, their attempts, and the org's events of those
    records.
    """
    with store.begin() as connection:
        rows = connection.execute(
            sa.select(WRITEBACK).where(WRITEBACK.c.number > after).order_by(WRITEBACK.c.number)
        ).all()
        attempts = connection.execute(
            sa.select(WRITEBACK_ATTEMPT).where(WRITEBACK_ATTEMPT.c.number > after)
        ).all()
    wanted = set(record_ids.values()) | {row.record_id for row in rows if row.record_id}
    effects = [each for each in effects_of(bodies) if each.record_id in wanted]
    return Comparison(list(rows), list(attempts), effects, record_ids)
