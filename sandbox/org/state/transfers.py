"""Changes of owners: one record's, with what goes along, and those of a mass transfer.

A new owner of an account takes over its contacts, cases and opportunities as the caller wishes
(SOAP API Developer Guide, "OwnerChangeOptions"). Each record that gets another owner is an
update like any other. Sharing follows at once: it is worked out from the owner whenever a row is
read.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sandbox.org.data.records import FIRST_FIELD, Records
from sandbox.org.errors import SalesforceError
from sandbox.org.schema.persons import ACCOUNT, CONTACT
from sandbox.org.state.org import Org
from sandbox.org.state.transaction import Transaction

OWNER = "OwnerId"
CONTACTS = "TransferContacts"
_OPEN_CASES, _ALL_CASES = "TransferOwnedOpenCases", "TransferAllOwnedCases"
_OPEN, _CLOSED = "TransferOwnedOpenOpportunities", "TransferOwnedClosedOpportunities"
_OTHERS = "TransferOthersOpenOpportunities"
OPTIONS = frozenset({CONTACTS, _OPEN_CASES, _ALL_CASES, _OPEN, _CLOSED, _OTHERS})
"""Options that are built; Salesforce has more, about objects that this org lacks."""
_NEEDS = {_ALL_CASES: _OPEN_CASES, _OTHERS: _OPEN}
_CLOSED_CASES = frozenset({"Closed"})
_CLOSED_STAGES = frozenset({"Closed Won", "Closed Lost"})


@dataclass(frozen=True, slots=True)
class Transfer:
    """Records that get another owner."""

    object_name: str
    owner: str
    record_ids: Sequence[str]
    options: Collection[str] = ()
    """Of `OPTIONS`, those that are to be carried out; for accounts."""


class Transfers:
    """Changes owners inside a transaction of the org."""

    def __init__(self, org: Org, tx: Transaction) -> None:
        self._org = org
        self._tx = tx

    def transfer(self, wanted: Transfer) -> int:
        """Carry out a transfer as a whole; returns how many records were to get the owner. Raises
        `SalesforceError`, and has done nothing then.
        """
        records = self._org.records_of(wanted.object_name)
        if OWNER not in records.spec.fields:
            message = f"{wanted.object_name} has no owner"
            raise SalesforceError("INVALID_FIELD", message, fields=[OWNER])
        check_options(wanted.options)
        with self._tx.whole():
            count = 0
            for each in wanted.record_ids:
                record_id = records.normalised(each)
                before = _value(records, record_id, OWNER)
                self._tx.update(wanted.object_name, record_id, {OWNER: wanted.owner})
                count += 1
                if wanted.object_name == ACCOUNT:
                    for name, child in self._along(record_id, before, wanted.options):
                        self._tx.update(name, child, {OWNER: wanted.owner})
                        count += 1
        return count

    def owned(self, object_name: str, owner: str) -> list[str]:
        """Ids of the live records of an owner, for a transfer of all of them."""
        return self._org.records_of(object_name).children(OWNER, owner)

    def _along(self, account: str, before: object, options: Collection[str]) -> Iterator[tuple[str, str]]:
        """Object and id of what an account's new owner takes over."""
        if CONTACTS in options:
            yield from ((CONTACT, each) for each in self._children(CONTACT, account))
        if _OPEN_CASES in options:
            for each in self._children("Case", account):
                is_open = self._value("Case", each, "Status") not in _CLOSED_CASES
                if self._value("Case", each, OWNER) == before and (is_open or _ALL_CASES in options):
                    yield "Case", each
        for each in self._children("Opportunity", account):
            is_open = self._value("Opportunity", each, "StageName") not in _CLOSED_STAGES
            is_owned = self._value("Opportunity", each, OWNER) == before
            option = (_OPEN if is_owned else _OTHERS) if is_open else _CLOSED if is_owned else ""
            if option in options:
                yield "Opportunity", each

    def _children(self, name: str, account: str) -> list[str]:
        records = self._org.records.get(name)
        return [] if records is None else records.children("AccountId", account)

    def _value(self, name: str, record_id: str, field: str) -> object:
        return _value(self._org.records[name], record_id, field)


def check_options(options: Collection[str]) -> None:
    """Raise for an option that is unknown, or that stands without the one that it needs."""
    for option in options:
        if option not in OPTIONS:
            raise SalesforceError("INVALID_OPERATION", f"{option} is not built in this sandbox")
        if (needed := _NEEDS.get(option)) is not None and needed not in options:
            raise SalesforceError("INVALID_OPERATION", f"{option} needs {needed}")


def _value(records: Records, record_id: str, name: str) -> object:
    return records.fetch(record_id, (name,))[FIRST_FIELD]
