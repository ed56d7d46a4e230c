"""Random changes whose values fit or do not, and what a warehouse must hold after them: a fold
apart from `transforms`.

Changes are made in the order of the org; they may be delivered in any other.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from sandbox.org.events.changes import text_diff
from schemas.catalogue import Catalogue
from schemas.quality import Rule
from tests.support.builders.bus import event

OBJECT = "Odd__c"
RECORDS = ("a0x000000000001AAA", "a0x000000000002AAA", "a0x000000000003AAA")
STRAY = "Stray__c"
"""A field that the catalogue lacks."""
SECRET = "Secret__c"
TEXT = "Story__c"
"""A long text, whose changes may come as diffs."""
COLUMNS = {
    "Name": "name",
    "Amount__c": "amount",
    "Open__c": "open",
    "Due__c": "due",
    "Grade__c": "grade",
    SECRET: "secret",
    TEXT: "story",
}
CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            OBJECT: {
                "label": "Odd values",
                "key_prefix": "a0x",
                "history": True,
                "fields": {
                    "Name": {"type": "string", "length": 10},
                    "Amount__c": {"type": "currency"},
                    "Open__c": {"type": "boolean"},
                    "Due__c": {"type": "date"},
                    "Grade__c": {"type": "picklist", "values": ["A", "B"], "severity": {"values": "isolate"}},
                    SECRET: {"type": "string", "length": 8, "pii": "personal"},
                    TEXT: {"type": "textarea", "length": 40},
                },
            }
        }
    }
)
_GOOD: dict[str, list[tuple[Any, Any]]] = {
    "Name": [("one", "one"), ("", "")],
    "Amount__c": [(1.5, Decimal("1.50")), (-20, Decimal(-20))],
    "Open__c": [(True, True), (False, False)],
    "Due__c": [("2026-01-31", date(2026, 1, 31))],
    "Grade__c": [("A", "A"), ("B", "B")],
    SECRET: [("s", "s"), ("t", "t")],
    TEXT: [("a\nb", "a\nb"), ("a\nc", "a\nc"), ("", "")],
}
"""The input, and the landed value."""
_BAD: dict[str, list[tuple[Any, Rule]]] = {
    "Name": [(7, Rule.WRONG_TYPE), ("x" * 11, Rule.TOO_LONG)],
    "Amount__c": [("much", Rule.WRONG_TYPE), (10**17, Rule.OUT_OF_RANGE)],
    "Open__c": [("yes", Rule.WRONG_TYPE)],
    "Due__c": [("soon", Rule.WRONG_TYPE), (3, Rule.WRONG_TYPE)],
    "Grade__c": [("Z", Rule.VALUES), (1, Rule.WRONG_TYPE)],
    SECRET: [("s" * 99, Rule.TOO_LONG)],
    TEXT: [("a\n" * 30, Rule.TOO_LONG), (False, Rule.WRONG_TYPE)],
}
"""The input, and the rule that it breaks."""


@dataclass(frozen=True)
class Value:
    """One value of a change."""

    sent: Any
    lands: Any = None
    breaks: Rule | None = None
    is_diff: bool = False


NOTHING = Value(None)


@dataclass
class Change:
    """One event, of one record or two."""

    number: int
    kind: str
    records: tuple[str, ...]
    values: dict[str, Value]
    is_stray: bool

    def data(self) -> dict[str, Any]:
        """The event as the org sends it. Three of them are committed in one second."""
        payload = {name: value.sent for name, value in self.values.items()}
        if self.kind != "UPDATE":
            payload = {name: value for name, value in payload.items() if value is not None}
        if self.is_stray:
            payload[STRAY] = "x"
        made = event(self.number, payload, object_name=OBJECT, change_type=self.kind, record_ids=self.records)
        made["payload"]["ChangeEventHeader"]["commitTimestamp"] -= 1_000 * (self.number % 3)
        return made


@dataclass
class State:
    """A record after some of its changes."""

    values: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(COLUMNS))
    unknown: dict[str, Rule] = field(default_factory=dict)
    """Field -> the rule that its latest value breaks."""

    def after(self, change: Change) -> "State":
        """The next state."""
        if change.kind == "DELETE":
            return self
        values, unknown = dict(self.values), dict(self.unknown)
        carried = (
            change.values if change.kind == "UPDATE" else dict.fromkeys(COLUMNS, NOTHING) | change.values
        )
        for name, value in carried.items():
            if value.is_diff and name in unknown:
                continue  # a diff against a text that is not known
            values[name] = value.lands
            unknown.pop(name, None)
            if value.breaks is not None:
                unknown[name] = value.breaks
        return State(values, unknown)

    @property
    def unknown_columns(self) -> frozenset[str]:
        return frozenset(COLUMNS[name] for name in self.unknown)


def versions(changes: list[Change]) -> dict[str, list[State]]:
    """Record -> its states, oldest first; `changes` in the order of the org, each of them once."""
    found: defaultdict[str, list[State]] = defaultdict(list)
    for change in changes:
        for record in change.records:
            before = found[record][-1] if found[record] else State()
            found[record].append(before.after(change))
    return dict(found)


def findings(changes: list[Change]) -> dict[tuple[str, str, str], int]:
    """Record (empty: the field as such), field and rule -> changes that broke it."""
    counts: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for change in changes:
        for record in change.records:
            for name, value in change.values.items():
                if value.breaks is not None:
                    counts[record, name, value.breaks.value] += 1
            if change.is_stray:
                counts["", STRAY, Rule.UNKNOWN_FIELD.value] += 1
    return dict(counts)


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Up to twenty changes of three records, good and bad."""
    made: list[Change] = []
    texts: dict[str, str] = {}
    for number in range(1, draw(st.integers(2, 20)) + 1):
        kind = draw(st.sampled_from(["CREATE", "UPDATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE"]))
        records = tuple(draw(st.lists(st.sampled_from(RECORDS), min_size=1, max_size=2, unique=True)))
        names = draw(st.lists(st.sampled_from(list(COLUMNS)), unique=True)) if kind != "DELETE" else []
        values = {name: draw(_value(name, kind)) for name in names}
        if kind == "UPDATE" and len(records) == 1 and draw(st.booleans()) and records[0] in texts:
            new = draw(st.sampled_from(["a\nd", "e\nb", "f"]))
            diff = text_diff(texts[records[0]], new)
            values[TEXT] = Value({"diff": diff}, lands=new, is_diff=True)
        for record in records:
            _remember(texts, record, kind, values.get(TEXT))
        made.append(Change(number, kind, records, values, kind != "DELETE" and draw(st.integers(0, 5)) == 0))
    return made


def _value(name: str, kind: str) -> st.SearchStrategy[Value]:
    good = st.sampled_from([Value(sent, lands) for sent, lands in _GOOD[name]])
    bad = st.sampled_from([Value(sent, breaks=rule) for sent, rule in _BAD[name]])
    return st.one_of(good, bad, st.just(NOTHING)) if kind == "UPDATE" else st.one_of(good, bad)


def _remember(texts: dict[str, str], record: str, kind: str, value: Value | None) -> None:
    """The org's text, against which it makes diffs, whether or not it fits the catalogue."""
    if kind == "DELETE":
        return
    if value is None:
        if kind != "UPDATE":
            texts[record] = ""
        return
    texts[record] = str(value.lands) if value.is_diff else str(value.sent or "")
