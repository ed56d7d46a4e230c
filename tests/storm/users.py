"""The acts of users in the org, and of outside systems at the door."""

from collections import defaultdict
from contextlib import suppress
from typing import Any

from clients.writeback.intake import WritebackIntake
from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org
from tests.storm.acts.schema import writable
from tests.storm.plan import Act


class Users:
    """They know the records that they made."""

    def __init__(self, org: Org, intake: WritebackIntake) -> None:
        self._org = org
        self._intake = intake
        self.written = 0
        self.submitted: list[list[dict[str, Any]]] = []
        self.said: defaultdict[str, set[str]] = defaultdict(set)
        """Record -> words that are in its values, or were."""
        self._made: list[tuple[str, str]] = []
        self._before: list[str] = []

    def make_before(self, number: int) -> None:
        """Make records whose events no lane will see: the org is older than the engine."""
        for place in range(1 + number % 3):
            fields = {"Name": f"before {place}", "Phone": f"{number}"}
            self._before.append(self._org.create("Account", fields))
        self._made += [("Account", each) for each in self._before]
        self._org.bus.forget_all()

    def touch_before(self) -> None:
        """Change one field of each of them, one that no administrator changes. Their events tell
        nothing of the others.
        """
        for each in self._before:
            with suppress(SalesforceError):
                self._org.update("Account", each, {"Website": "touched"})

    def record(self, number: int) -> str | None:
        """One of the records that they made; None = there is none."""
        return self._made[number % len(self._made)][1] if self._made else None

    def change(self, record_id: str, act: Act) -> None:
        """Change one of them; nothing happens to one that is deleted."""
        name = next(name for name, each in self._made if each == record_id)
        self.said[record_id].add(_word(act))
        with suppress(SalesforceError):
            self._org.update(name, record_id, self._fields(name, act))

    def do(self, act: Act) -> None:
        """Carry an act out. Nothing happens when the org refuses it."""
        try:
            getattr(self, f"_{act.kind}")(act)
        except SalesforceError:
            return

    def _create(self, act: Act) -> None:
        name = ("Account", "Contact", "Case")[act.number % 3]
        self._take(name, self._org.create(name, self._fields(name, act)), act)

    def _many(self, act: Act) -> None:
        with self._org.transaction() as transaction:
            for number in range(1 + act.number % 5):
                one = act._replace(number=act.number + number)
                self._take("Account", transaction.create("Account", self._fields("Account", one)), one)

    def _update(self, act: Act) -> None:
        name, record_id = self._one(act)
        self.said[record_id].add(_word(act))
        self._org.update(name, record_id, self._fields(name, act))

    def _delete(self, act: Act) -> None:
        self._org.delete(*self._one(act))

    def _undelete(self, act: Act) -> None:
        self._org.undelete(*self._one(act))

    def _gap(self, act: Act) -> None:
        name, record_id = self._one(act)
        self.said[record_id].add(_word(act))
        self._org.change_outside(name, [record_id], self._fields(name, act))

    def _write(self, act: Act) -> None:
        """An outside system hands in one or two writebacks of a case that only it writes."""
        self.written += 1
        case = f"C-{act.number % 3}"
        items = [
            {
                "object": "Case",
                "external_id": case,
                "key": f"k-{self.written}-{place}",
                "fields": {"Subject": f"written {self.written}-{place}", "Status": "New"},
            }
            for place in range(1 + act.number % 2)
        ]
        told = self._intake.submit("storm", items)
        assert not told.refused, told
        self.submitted.append(items)

    def _again(self, act: Act) -> None:
        """The caller has had no answer, and asks again with the same keys."""
        if self.submitted:
            self._intake.submit("storm", self.submitted[act.number % len(self.submitted)])

    def _take(self, name: str, record_id: str, act: Act) -> None:
        self._made.append((name, record_id))
        self.said[record_id].add(_word(act))

    def _one(self, act: Act) -> tuple[str, str]:
        if not self._made:
            raise SalesforceError("NOT_FOUND", "nobody has made a record yet")
        return self._made[act.number % len(self._made)]

    def _fields(self, name: str, act: Act) -> dict[str, Any]:
        word = _word(act)
        return writable(self._org, name, self._usual(name, act, word), word)

    def _usual(self, name: str, act: Act, word: str) -> dict[str, Any]:
        if name == "Account":
            return {"Name": word, "Phone": f"{act.number}"}
        if name == "Contact":
            accounts = [found for kind, found in self._made if kind == "Account"]
            parent = {"AccountId": accounts[act.number % len(accounts)]} if accounts else {}
            return {"LastName": word, **parent}
        return {"Subject": word, "Description": word * 3}


def _word(act: Act) -> str:
    """It is in the values that an act writes, and in no others."""
    return f"{act.kind} {act.number} {act.detail:.4f}"
