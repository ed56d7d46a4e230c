"""Lead conversion and its events (SOAP API Developer Guide, "convertLead()", "LeadConvertResult";
Change Data Capture Developer Guide, "Change Events for Lead Conversion").
"""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from sandbox.org.schema.ids import eighteen
from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest.test_soap_records import NIL, P, fault, results
from tests.sandbox.rest_client import V

LEAD = {
    "FirstName": "Brenda", "LastName": "Mcclure", "Company": "Cardinal", "Title": "CFO", "Phone": "1",
    "Email": "b@c.example", "LeadSource": "Web", "State": "IL", "Country": "USA",
}  # fmt: skip
MEMBERS = f"{V}/tooling/sobjects/PlatformEventChannelMember"
DONE = "<convertedStatus>Closed - Converted</convertedStatus>"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


async def select_leads(http) -> None:
    metadata = {"eventChannel": "ChangeEvents", "selectedEntity": "LeadChangeEvent"}
    made = await http.post(MEMBERS, json={"FullName": "ChangeEvents_LeadChangeEvent", "Metadata": metadata})
    assert made.status_code == 201, made.text


def asked(lead: str, *more: str, status: str = DONE) -> str:
    return f"<leadConverts>{''.join(more)}{status}<leadId>{lead}</leadId></leadConverts>"


def row(org, name: str, record_id: str) -> dict[str, Any]:
    return org.records[name].whole(record_id)


def events(org, since: int) -> list[dict[str, Any]]:
    rows, _ = org.bus.read(since, None, 100, 10**7)
    return [orjson.loads(each[3])["payload"] for each in rows]


async def test_a_conversion_tells_three_creates_and_an_update_in_one_transaction(http, org):
    await select_leads(http)
    lead = org.create("Lead", LEAD)
    since = org.bus.newest
    [result] = await results(http, "convertLead", asked(lead))
    names = [child.tag.removeprefix(P) for child in result]
    assert names == ["accountId", "contactId", "leadId", "opportunityId", "success"]
    told = events(org, since)
    headers = [each["ChangeEventHeader"] for each in told]
    assert [(each["entityName"], each["changeType"]) for each in headers] == [
        ("Account", "CREATE"),
        ("Contact", "CREATE"),
        ("Opportunity", "CREATE"),
        ("Lead", "UPDATE"),
    ]
    assert [each["sequenceNumber"] for each in headers] == [1, 2, 3, 4]
    assert len({(each["transactionKey"], each["commitNumber"]) for each in headers}) == 1
    update = {name: value for name, value in told[-1].items() if name != "ChangeEventHeader"}
    assert update.pop("LastModifiedDate")
    assert update == {
        "Status": "Closed - Converted",
        "IsConverted": True,
        "ConvertedDate": org.clock.today().isoformat(),
        "ConvertedAccountId": result.findtext(f"{P}accountId"),
        "ConvertedContactId": result.findtext(f"{P}contactId"),
        "ConvertedOpportunityId": result.findtext(f"{P}opportunityId"),
    }


async def test_the_new_records_have_the_leads_values_and_its_owner(http, org):
    owner = "005Tg0000000002IAA"
    lead = org.create("Lead", {**LEAD, "OwnerId": owner})
    [result] = await results(http, "convertLead", asked(lead))
    account, contact, grant = (
        row(org, name, result.findtext(f"{P}{name.lower()}Id"))
        for name in ("Account", "Contact", "Opportunity")
    )
    assert (account["Name"], account["BillingState"], account["AccountSource"]) == ("Cardinal", "IL", "Web")
    assert (contact["LastName"], contact["MailingCountry"], contact["Title"]) == ("Mcclure", "USA", "CFO")
    assert (grant["Name"], grant["StageName"], grant["LeadSource"]) == ("Cardinal", "Prospecting", "Web")
    closes = date.fromisoformat(grant["CloseDate"])
    assert (closes.month % 3, (closes + timedelta(days=1)).day) == (0, 1)
    assert {each["OwnerId"] for each in (account, contact, grant)} == {owner}


async def test_of_an_account_that_is_there_only_empty_fields_are_filled(http, org):
    account = org.create("Account", {"Name": "Old", "Phone": "9"})
    contact = org.create("Contact", {"LastName": "Old", "AccountId": account, "LeadSource": "Other"})
    lead = org.create("Lead", LEAD)
    named = f"<accountId>{account}</accountId><contactId>{contact}</contactId>"
    without = (
        "<doNotCreateOpportunity>true</doNotCreateOpportunity><overwriteLeadSource>true</overwriteLeadSource>"
    )
    [result] = await results(http, "convertLead", asked(lead, named, without))
    assert result.find(f"{P}opportunityId").get(NIL) == "true"
    assert [row(org, "Account", account)[name] for name in ("Name", "Phone", "BillingState")] == [
        "Old",
        "9",
        "IL",
    ]
    assert [row(org, "Contact", contact)[name] for name in ("LastName", "Title", "LeadSource")] == [
        "Old",
        "CFO",
        "Web",
    ]
    assert org.counts["Opportunity"] == 0


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ("", "<convertedStatus>Open - Not Contacted</convertedStatus>", "INVALID_STATUS"),
        ("<contactId>003Tg0000000001AAA</contactId>", DONE, "INVALID_ARGUMENT_TYPE"),
        ("<overwriteLeadSource>true</overwriteLeadSource>", DONE, "INVALID_ARGUMENT_TYPE"),
        (
            "<doNotCreateOpportunity>true</doNotCreateOpportunity><opportunityName>X</opportunityName>",
            DONE,
            "INVALID_ARGUMENT_TYPE",
        ),
        (f"<accountId>{eighteen('001Tg0000000099')}</accountId>", DONE, "INVALID_CROSS_REFERENCE_KEY"),
    ],
)
async def test_a_conversion_that_cannot_be_does_nothing(http, org, more, status, code):
    lead = org.create("Lead", LEAD)
    since = org.bus.newest
    [result] = await results(http, "convertLead", asked(lead, more, status=status))
    assert result.findtext(f"{P}errors/{P}statusCode") == code
    assert (events(org, since), row(org, "Lead", lead)["IsConverted"]) == ([], 0)


async def test_a_contact_of_another_account_is_refused_and_nothing_is_left_over(http, org):
    account = org.create("Account", {"Name": "A"})
    contact = org.create("Contact", {"LastName": "C"})
    lead = org.create("Lead", LEAD)
    named = f"<accountId>{account}</accountId><contactId>{contact}</contactId>"
    [result] = await results(http, "convertLead", asked(lead, named))
    assert result.findtext(f"{P}errors/{P}statusCode") == "INVALID_CROSS_REFERENCE_KEY"
    assert row(org, "Account", account)["Phone"] is None


async def test_a_converted_lead_is_converted_and_changed_no_more(http, org):
    lead = org.create("Lead", LEAD)
    first, second = await results(http, "convertLead", asked(lead) * 2)
    assert first.findtext(f"{P}success") == "true"
    assert second.findtext(f"{P}errors/{P}statusCode") == "CANNOT_UPDATE_CONVERTED_LEAD"
    changed = await http.patch(f"{V}/sobjects/Lead/{lead}", json={"Phone": "2"})
    assert changed.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"


async def test_a_lead_of_a_queue_needs_an_owner(http, org):
    [found] = org.store.connection.execute('SELECT Id FROM "Group" WHERE Type = ?', ("Queue",)).fetchall()
    lead = org.create("Lead", {**LEAD, "OwnerId": found[0]})
    [refused] = await results(http, "convertLead", asked(lead))
    assert refused.findtext(f"{P}errors/{P}statusCode") == "INVALID_OWNER"
    owner = f"<ownerId>{org.identity.user_id}</ownerId>"
    [done] = await results(http, "convertLead", asked(lead, owner))
    assert done.findtext(f"{P}success") == "true"


async def test_more_than_a_hundred_leads_are_refused(http):
    code, _ = await fault(http, "convertLead", asked("00QTg0000000001AAA") * 101)
    assert code == "sf:EXCEEDED_ID_LIMIT"


async def test_the_control_plane_converts_and_merged_leads_name_their_winner(http, org):
    winner, loser = (org.create("Lead", {**LEAD, "LastName": name}) for name in "AB")
    merged = {"operation": "merge", "object": "Lead", "winner": winner, "losers": [loser]}
    assert (await http.post("/sandbox/operations", json=merged)).status_code == 200
    assert row(org, "Lead", loser)["MasterRecordId"] == winner
    answer = await http.post("/sandbox/operations", json={"operation": "convert_lead", "lead": winner})
    assert row(org, "Contact", answer.json()["contact"])["LastName"] == "A"
