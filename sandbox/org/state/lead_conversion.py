"""Lead conversion: a lead becomes an account, a contact and, unless it is not wanted, an
opportunity (SOAP API Developer Guide, "convertLead()").

Its events come in that order, and an update of the lead last (Change Data Capture Developer
Guide, "Change Events for Lead Conversion"). That page says that the update lacks
LastModifiedDate, and its example has it: here it has it.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sandbox.org.data.records import Records
from sandbox.org.errors import SalesforceError, entity_is_deleted
from sandbox.org.schema.fields import Value
from sandbox.org.schema.persons import ACCOUNT, CONTACT
from sandbox.org.schema.setup import load_setup
from sandbox.org.state.org import Org
from sandbox.org.state.transaction import Transaction

LEAD, OPPORTUNITY = "Lead", "Opportunity"
_QUEUE_PREFIX = "00G"
_FIRST_STAGE = "Prospecting"
_QUARTER = 3
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
_MAPPED: Mapping[str, Mapping[str, str]] = {
    ACCOUNT: {
        "Name": "Company", "AccountSource": "LeadSource",
        **{name: name for name in ("Phone", "Website", "Industry", "AnnualRevenue", "NumberOfEmployees")},
        **{f"Billing{part}": part for part in _ADDRESS},
    },
    CONTACT: {
        **{
            name: name
            for name in (
                "Salutation", "FirstName", "LastName", "Title", "Email", "Phone", "MobilePhone", "LeadSource",
                "HasOptedOutOfEmail", "Description",
            )
        },
        **{f"Mailing{part}": part for part in _ADDRESS},
    },
    OPPORTUNITY: {"LeadSource": "LeadSource"},
}  # fmt: skip
"""Object -> its field -> the lead's (SOAP API Developer Guide, "convertLead()": Field Mappings)."""


@dataclass(frozen=True, slots=True)
class LeadConvert:
    """One request; an id that is None asks for a new record."""

    lead_id: str
    converted_status: str
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    opportunity_name: str | None = None
    """None: the lead's company."""
    owner_id: str | None = None
    """Of the new records; None: the lead's owner."""
    do_not_create_opportunity: bool = False
    overwrite_lead_source: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """The records that a lead has become; ids have 18 characters."""

    lead: str
    account: str
    contact: str
    opportunity: str | None


class LeadConverter:
    """Converts leads inside a transaction of the org."""

    def __init__(self, org: Org, tx: Transaction) -> None:
        self._org = org
        self._tx = tx

    def convert(self, wanted: LeadConvert) -> Converted:
        """Carry out a conversion as a whole. Raises `SalesforceError`, and has done nothing
        then.
        """
        records = self._org.records_of(LEAD)
        lead_id = records.normalised(wanted.lead_id)
        lead = self._lead(records, lead_id)
        _check(wanted)
        owner = wanted.owner_id or str(lead["OwnerId"])
        if owner.startswith(_QUEUE_PREFIX):
            raise SalesforceError("INVALID_OWNER", "A queue can't own accounts and contacts: give an ownerId")
        with self._tx.whole():
            account = self._taken_over(ACCOUNT, wanted.account_id, lead, {"OwnerId": owner})
            contact = self._contact(wanted, lead, account, owner)
            opportunity = self._opportunity(wanted, lead, account, owner)
            told: dict[str, Value] = {
                "Status": wanted.converted_status,
                "IsConverted": True,
                "ConvertedDate": self._today().isoformat(),
                "ConvertedAccountId": account,
                "ConvertedContactId": contact,
                "ConvertedOpportunityId": opportunity,
            }
            self._tx.touch(LEAD, lead_id, {name: value for name, value in told.items() if value is not None})
        return Converted(lead_id, account, contact, opportunity)

    def require_open(self, record_id: str) -> None:
        """Raise CANNOT_UPDATE_CONVERTED_LEAD for a lead that is converted: nobody changes it any
        more (REST API Developer Guide, "Status Codes").
        """
        records = self._org.records_of(LEAD)
        self._lead(records, records.normalised(record_id))

    def _lead(self, records: Records, lead_id: str) -> dict[str, Value]:
        _, is_deleted, _ = records.fetch(lead_id, ())
        if is_deleted:
            raise entity_is_deleted()
        lead = records.whole(lead_id)
        if lead.get("IsConverted"):
            raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        return lead

    def _contact(self, wanted: LeadConvert, lead: dict[str, Value], account: str, owner: str) -> str:
        contact = self._taken_over(CONTACT, wanted.contact_id, lead, {"AccountId": account, "OwnerId": owner})
        if wanted.contact_id is not None:
            if self._org.records[CONTACT].whole(contact)["AccountId"] != account:
                message = f"The contact {contact} is not the account's"
                raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", message, fields=["contactId"])
            if wanted.overwrite_lead_source:
                self._tx.update(CONTACT, contact, {"LeadSource": lead["LeadSource"]})
        return contact

    def _opportunity(
        self, wanted: LeadConvert, lead: dict[str, Value], account: str, owner: str
    ) -> str | None:
        if wanted.do_not_create_opportunity:
            return None
        own: dict[str, Value] = {
            "Name": wanted.opportunity_name or lead["Company"],
            "AccountId": account,
            "StageName": _FIRST_STAGE,
            "CloseDate": _end_of_quarter(self._today()).isoformat(),
            "OwnerId": owner,
        }
        return self._taken_over(OPPORTUNITY, wanted.opportunity_id, lead, own)

    def _taken_over(
        self, name: str, record_id: str | None, lead: Mapping[str, Value], own: Mapping[str, Value]
    ) -> str:
        """A new record with the lead's values, or an existing one with its empty fields filled;
        returns its id. `own`: the further values of a new one.
        """
        records = self._org.records_of(name)
        fields = records.spec.fields
        values = {
            field: lead[source]
            for field, source in _MAPPED[name].items()
            if field in fields and lead.get(source) not in (None, "")
        }
        values = records.shape.from_row(values)
        if record_id is None:
            return self._tx.create(name, {**values, **{f: v for f, v in own.items() if f in fields}})
        record_id = records.normalised(record_id)
        present = records.whole(record_id)
        self._tx.update(name, record_id, {f: v for f, v in values.items() if present[f] is None})
        return record_id

    def _today(self) -> date:
        return self._org.clock.today()


def _check(wanted: LeadConvert) -> None:
    statuses = load_setup().statuses.get(LEAD, {}).get("Status", {})
    if not statuses.get(wanted.converted_status, {}).get("IsConverted"):
        raise SalesforceError("INVALID_STATUS", f"invalid convertedStatus: {wanted.converted_status}")
    has_opportunity = wanted.opportunity_id is not None or wanted.opportunity_name is not None
    if wanted.opportunity_id is not None and wanted.opportunity_name is not None:
        raise _contradiction("opportunityId and opportunityName exclude each other")
    if wanted.do_not_create_opportunity and has_opportunity:
        raise _contradiction("doNotCreateOpportunity leaves no place for an opportunity")
    if wanted.contact_id is not None and wanted.account_id is None:
        raise _contradiction("a contactId needs the accountId of its account")
    if wanted.overwrite_lead_source and wanted.contact_id is None:
        raise _contradiction("overwriteLeadSource needs a contactId")


def _contradiction(message: str) -> SalesforceError:
    return SalesforceError("INVALID_ARGUMENT_TYPE", message)


def _end_of_quarter(day: date) -> date:
    """The close date of a new opportunity, as the guide's example has it."""
    month = (day.month - 1) // _QUARTER * _QUARTER + _QUARTER
    return date(day.year, month, monthrange(day.year, month)[1])
