"""Random operations of an org's users, each one transaction: what people do to records, merges,
transfers, cascades and changes of the record type included.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import yaml

from sandbox.org.errors import SalesforceError
from sandbox.org.state.lead_conversion import LeadConvert, LeadConverter
from sandbox.org.state.merges import Merge, Merger
from sandbox.org.state.org import Org
from sandbox.org.state.record_types import RecordTypes
from sandbox.org.state.transfers import CONTACTS, OPTIONS, Transfer, Transfers

_TEXT = {"type": "string", "length": 80}
_STAMP = {"type": "datetime", "required": True}


def _to(*names: str) -> dict[str, object]:
    return {"type": "reference", "references": list(names)}


def _object(label: str, prefix: str, **fields: object) -> dict[str, object]:
    return {"label": label, "key_prefix": prefix, "history": True, "fields": fields}


_USER = {**_to("User"), "required": True}
CATALOGUE = {
    "every_object": {
        "OwnerId": _to("User", "Group"),
        "CreatedDate": _STAMP,
        "CreatedById": _USER,
        "LastModifiedDate": _STAMP,
        "LastModifiedById": _USER,
    },
    "objects": {
        "Account": _object(
            "Accounts", "001", Name={**_TEXT, "required": True}, ParentId=_to("Account"), Phone=_TEXT,
            MasterRecordId={**_to("Account"), "ignore": True},
        ),
        "Contact": _object(
            "Contacts", "003", Title=_TEXT, AccountId=_to("Account"),
            MasterRecordId={**_to("Contact"), "ignore": True},
        ),
        "Case": _object(
            "Cases", "500", Subject=_TEXT, Status=_TEXT, AccountId=_to("Account"), ContactId=_to("Contact"),
            RecordTypeId=_to("RecordType"),
        ),
        "Lead": _object(
            "Leads", "00Q", Company={**_TEXT, "required": True}, Phone=_TEXT, Title=_TEXT, Status=_TEXT,
            IsConverted={"type": "boolean"}, ConvertedDate={"type": "date"}, ConvertedAccountId=_to("Account"),
            ConvertedContactId=_to("Contact"), ConvertedOpportunityId=_to("Opportunity"),
            MasterRecordId={**_to("Lead"), "ignore": True},
        ),
        "Opportunity": _object("Grants", "006", Name=_TEXT, StageName=_TEXT, AccountId=_to("Account")),
        "ServiceRequest__c": _object("Requests", "a01", Name=_TEXT, Account__c=_to("Account")),
        "Payment__c": _object(
            "Payments", "a02", Name=_TEXT, Account__c=_to("Account"), ServiceRequest__c=_to("ServiceRequest__c")
        ),
    },
}  # fmt: skip
"""A few fields of each object: what moves, and what is edited."""
_TEXTS = {
    "Account": "Phone", "Contact": "Title", "Case": "Subject", "Opportunity": "Name", "Lead": "Phone",
    "ServiceRequest__c": "Name", "Payment__c": "Name",
}  # fmt: skip


def write_catalogue(folder: Path) -> Path:
    """The catalogue as a file for `new_org` and `load_catalogue`."""
    path = folder / "operations.yaml"
    path.write_text(yaml.safe_dump(CATALOGUE), encoding="utf-8")
    return path


class Users:
    """The people of one org; every choice is the random number's."""

    def __init__(self, org: Org, chance: Random) -> None:
        self._org = org
        self._chance = chance
        self._users = [
            row[0] for row in org.store.connection.execute('SELECT Id FROM "User" ORDER BY Id LIMIT 4')
        ]
        types = RecordTypes(org)
        self._types = [each.id for each in types.of("Case")] or [
            types.make("Case", name, name) for name in ("Intake", "Appeal")
        ]
        self.done: dict[str, int] = {}
        """Operations by name that were not refused."""

    def act(self, name: str) -> None:
        """Do it; the org may refuse, as a merge of an ancestor into its descendant."""
        operation: Callable[[], object] = getattr(self, name)
        try:
            operation()
        except SalesforceError:
            return
        self.done[name] = self.done.get(name, 0) + 1

    def arrive(self) -> None:
        """A household comes with all that belongs to it."""
        with self._org.transaction(self._user()) as tx:
            above = self._some("Account")
            account = tx.create("Account", {"Name": self._word(), "ParentId": above, "OwnerId": self._user()})
            contact = tx.create("Contact", {"Title": self._word(), "AccountId": account})
            tx.create("Case", {"Status": "New", "AccountId": account, "ContactId": contact})
            tx.create("Lead", {"Company": self._word(), "Phone": self._word(), "Title": self._word()})
            tx.create("Opportunity", {"StageName": "Prospecting", "AccountId": account})
            request = tx.create("ServiceRequest__c", {"Account__c": account})
            for _ in range(self._chance.randint(0, 2)):
                tx.create("Payment__c", {"Account__c": account, "ServiceRequest__c": request})

    def edit(self) -> None:
        """Somebody changes a text, or empties it."""
        name, record_id = self._any()
        self._org.update(name, record_id, {_TEXTS[name]: self._chance.choice([None, self._word()])})

    def automate(self) -> None:
        """A record changes several times in one transaction, as triggers do it, and is there at the
        end: the event of one that is gone tells no values.
        """
        with self._org.transaction(self._user()) as tx:
            made = self._chance.random() < 0.4
            name, record_id = (
                ("Account", tx.create("Account", {"Name": self._word()})) if made else self._any()
            )
            for _ in range(self._chance.randint(1, 3)):
                tx.update(name, record_id, {_TEXTS[name]: self._chance.choice([None, self._word()])})
                if self._chance.random() < 0.3:
                    tx.delete(name, record_id)
                    tx.undelete(name, record_id)

    def delete(self) -> None:
        """A record goes to the recycle bin, and its details with it."""
        self._org.delete(*self._any())

    def undelete(self) -> None:
        """A record comes back, and what went with it."""
        self._org.undelete(*self._any(binned=True))

    def merge(self) -> None:
        """Up to three accounts, contacts or leads become one."""
        name = self._chance.choice(["Account", "Contact", "Lead"])
        ids = self._several(name, self._chance.randint(2, 3))
        values = {_TEXTS[name]: self._word()} if self._chance.random() < 0.5 else {}
        with self._org.transaction(self._user()) as tx:
            Merger(self._org, tx).merge(Merge(name, ids[0], ids[1:], values))

    def convert(self) -> None:
        """A lead becomes an account with a contact, or joins one that is there."""
        lead = self._some("Lead")
        if lead is None:
            return
        account = self._some("Account") if self._chance.random() < 0.4 else None
        with self._org.transaction(self._user()) as tx:
            LeadConverter(self._org, tx).convert(
                LeadConvert(
                    lead,
                    "Closed - Converted",
                    account,
                    do_not_create_opportunity=self._chance.random() < 0.3,
                )
            )

    def transfer(self) -> None:
        """Records get another owner: an account with what goes along, or all of somebody's
        cases.
        """
        with self._org.transaction(self._user()) as tx:
            transfers = Transfers(self._org, tx)
            if self._chance.random() < 0.5:
                options = OPTIONS if self._chance.random() < 0.5 else {CONTACTS}
                ids = self._several("Account", 2)
                transfers.transfer(Transfer("Account", self._user(), ids, options))
            else:
                ids = transfers.owned("Case", self._user())
                transfers.transfer(Transfer("Case", self._user(), ids))

    def change_type(self) -> None:
        """A case becomes one of another kind."""
        case = self._some("Case")
        if case is not None:
            self._org.update("Case", case, {"RecordTypeId": self._chance.choice([None, *self._types])})

    def _any(self, *, binned: bool = False) -> tuple[str, str]:
        name = self._chance.choice(list(_TEXTS))
        record_id = self._some(name, binned=binned)
        if record_id is None:
            raise SalesforceError("NOT_FOUND", "there is none")
        return name, record_id

    def _some(self, name: str, *, binned: bool = False) -> str | None:
        ids = self._ids(name, binned=binned)
        return self._chance.choice(ids) if ids else None

    def _several(self, name: str, count: int) -> list[str]:
        ids = self._ids(name)
        if len(ids) < count:
            raise SalesforceError("NOT_FOUND", "there are not so many")
        return self._chance.sample(ids, count)

    def _ids(self, name: str, *, binned: bool = False) -> list[str]:
        rows = self._org.store.connection.execute(
            f'SELECT Id FROM "{name}" WHERE IsDeleted = ? ORDER BY Id', (binned,)
        )
        return [row[0] for row in rows]

    def _user(self) -> str:
        return str(self._chance.choice(self._users))

    def _word(self) -> str:
        return f"{self._chance.getrandbits(32):08x}"


OPERATIONS = (
    "arrive",
    "edit",
    "delete",
    "undelete",
    "merge",
    "convert",
    "transfer",
    "change_type",
    "automate",
)
"""Names of the operations of `Users`."""
