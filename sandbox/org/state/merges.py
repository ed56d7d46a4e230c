"""Merges: up to two records are merged into a third one of their object.

The losers go to the recycle bin with the winner as their MasterRecordId, their children become
the winner's, and the winner is updated. Followers of the changes see a delete and an update (Apex
Developer Guide, "Triggers and Merge Statements"; SOAP API Developer Guide, "merge()").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.org.data.records import FIRST_FIELD, READ_ONLY, Records
from sandbox.org.errors import SalesforceError, entity_is_deleted
from sandbox.org.schema.fields import Value
from sandbox.org.schema.objects import MASTER
from sandbox.org.schema.persons import ACCOUNT, CONTACT, CONTACT_ID, IS_PERSON
from sandbox.org.state.org import Org
from sandbox.org.state.transaction import Transaction

MERGEABLE = frozenset({ACCOUNT, CONTACT, "Lead"})
LOSERS_MAX = 2
"""Records merged into another one by one request (SOAP API Developer Guide, "merge()")."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One request."""

    object_name: str
    winner: str
    losers: Sequence[str]
    fields: Mapping[str, object] = field(default_factory=dict)
    """New values of the winner; by itself it takes over nothing of the losers."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge; ids have 18 characters."""

    winner: str
    losers: list[str]
    moved: list[str]
    """The children that are the winner's now."""


class Merger:
    """Merges records inside a transaction of the org."""

    def __init__(self, org: Org, tx: Transaction) -> None:
        self._org = org
        self._tx = tx

    def merge(self, wanted: Merge) -> Merged:
        """Carry out a merge as a whole. Raises `SalesforceError`, and has done nothing then."""
        if wanted.object_name not in MERGEABLE:
            message = f"{wanted.object_name} records can't be merged"
            raise SalesforceError("INVALID_TYPE", message)
        records = self._org.records_of(wanted.object_name)
        winner, losers = self._checked(records, wanted)
        with self._tx.whole():
            moved: list[str] = []
            if (people := self._contacts(records, [winner, *losers])) is not None:
                moved += self._merge(self._org.records_of(CONTACT), people[0], people[1:])
                for loser, contact in zip(losers, people[1:], strict=True):
                    self._tx.remember(loser, CONTACT, contact)
            moved += self._merge(records, winner, losers)
            touched = len(self._tx.operations)
            self._tx.update(wanted.object_name, winner, wanted.fields)
            if len(self._tx.operations) == touched:
                self._tx.touch(wanted.object_name, winner)
        return Merged(winner, losers, moved)

    def _merge(self, records: Records, winner: str, losers: Sequence[str]) -> list[str]:
        name = records.spec.name
        for loser in losers:
            self._tx.bin(name, loser)
            if MASTER in records.spec.fields:
                self._tx.move(name, loser, {MASTER: winner})
        return [each for loser in losers for each in self._reparented(name, winner, loser)]

    def _reparented(self, name: str, winner: str, loser: str) -> Iterator[str]:
        """Move the children of a loser; yields their ids."""
        tells = self._org.dials.events.reparented_children
        for child, reference in self._references(name):
            for child_id in self._org.records[child].children(reference, loser):
                if tells:
                    self._tx.update(child, child_id, {reference: winner})
                else:
                    self._tx.move(child, child_id, {reference: winner})
                yield child_id

    def _references(self, name: str) -> list[tuple[str, str]]:
        """Object and field of everything that points to records of an object and can be moved."""
        return [
            (child, reference)
            for child, records in self._org.records.items()
            for reference, spec in records.spec.fields.items()
            if name in spec.references and reference not in READ_ONLY
        ]

    def _checked(self, records: Records, wanted: Merge) -> tuple[str, list[str]]:
        """The ids in their long form, once they can be merged."""
        winner = records.normalised(wanted.winner)
        losers = [records.normalised(each) for each in wanted.losers]
        if not 1 <= len(losers) <= LOSERS_MAX:
            message = f"A merge takes one to {LOSERS_MAX} records to merge, not {len(losers)}"
            raise SalesforceError("INVALID_NUMBER_OF_ARGUMENTS", message)
        if len({winner, *losers}) <= len(losers):
            raise SalesforceError("DUPLICATE_VALUE", "A record is named twice in a merge")
        for record_id in (winner, *losers):
            _, is_deleted, _ = records.fetch(record_id, ())
            if is_deleted:
                raise entity_is_deleted()
        self._refuse_circles(records, winner, losers)
        self._refuse_contacts_of_persons(records, [winner, *losers])
        return winner, losers

    def _refuse_circles(self, records: Records, winner: str, losers: Sequence[str]) -> None:
        """The winner must not stand below a loser: it would become its own parent."""
        name = records.spec.name
        for reference in (own for child, own in self._references(name) if child == name):
            seen, above = set[Value](), _value(records, winner, reference)
            while above is not None and above not in seen:
                if above in losers:
                    message = f"The merge would make {winner} its own ancestor by {reference}"
                    raise SalesforceError("CIRCULAR_DEPENDENCY", message, fields=[reference])
                seen.add(above)
                above = _value(records, str(above), reference)

    def _refuse_contacts_of_persons(self, records: Records, ids: Sequence[str]) -> None:
        """The contact of a person account goes with its account and not by itself."""
        accounts = self._org.records.get(ACCOUNT)
        if records.spec.name != CONTACT or accounts is None or not accounts.has_persons:
            return
        for record_id in ids:
            if accounts.children(CONTACT_ID, record_id):
                message = f"{record_id} belongs to a person account; merge the accounts"
                raise SalesforceError("INVALID_OPERATION", message)

    def _contacts(self, records: Records, ids: Sequence[str]) -> list[str] | None:
        """The contacts of accounts that are all persons; None for businesses. A person and a
        business cannot be merged.
        """
        if not records.has_persons:
            return None
        rows = [records.fetch(each, (IS_PERSON, CONTACT_ID))[FIRST_FIELD:] for each in ids]
        kinds = {bool(is_person) for is_person, _ in rows}
        if len(kinds) > 1:
            message = "A person account and a business account can't be merged"
            raise SalesforceError("INVALID_OPERATION", message)
        return [str(contact) for _, contact in rows] if kinds == {True} else None


def _value(records: Records, record_id: str, name: str) -> Value:
    return records.fetch(record_id, (name,))[FIRST_FIELD]
