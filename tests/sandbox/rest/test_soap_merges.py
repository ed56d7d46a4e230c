"""Merges and changes of owners by SOAP (SOAP API Developer Guide, "merge()", "MergeResult",
"OwnerChangeOptions").
"""

import pytest

from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest.test_soap_records import NIL, P, fault, results


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


def request(winner, *losers, kind="Account", fields=""):
    record = f"<masterRecord><type>{kind}</type><Id>{winner}</Id>{fields}</masterRecord>"
    return f"<request>{record}{''.join(f'<recordToMergeIds>{each}</recordToMergeIds>' for each in losers)}</request>"


def owner(org, name, record_id):
    return org.records[name].whole(record_id)["OwnerId"]


async def test_each_request_of_a_merge_has_a_result_of_its_own(http, org):
    winner, loser, other = (org.create("Account", {"Name": name}) for name in "ABC")
    contact = org.create("Contact", {"LastName": "C", "AccountId": loser})
    asked = (
        request(winner, loser[:15], fields="<Phone>1</Phone>")
        + request(winner, winner)
        + request(winner, other)
    )
    done, refused, last = await results(http, "merge", asked)
    assert [child.tag.removeprefix(P) for child in done] == [
        "id",
        "mergedRecordIds",
        "success",
        "updatedRelatedIds",
    ]
    assert [child.text for child in done] == [winner, loser, "true", contact]
    assert refused.findtext(f"{P}errors/{P}statusCode") == "DUPLICATE_VALUE"
    assert (refused.find(f"{P}id").get(NIL), last.findtext(f"{P}success")) == ("true", "true")
    assert org.records["Account"].whole(winner)["Phone"] == "1"


async def test_a_merge_names_its_client_in_its_events(http, org):
    winner, loser = (org.create("Account", {"Name": name}) for name in "AB")
    since = org.bus.newest
    header = "<CallOptions><client>deduper</client></CallOptions>"
    await results(http, "merge", request(winner, loser), header=header)
    rows, _ = org.bus.read(since, None, 10, 10**6)
    assert all(b'"changeOrigin":"com/salesforce/api/soap/67.0;client=deduper"' in row[3] for row in rows)
    assert len(rows) == 2


async def test_more_than_two_hundred_merges_are_refused(http):
    code, _ = await fault(http, "merge", request("001000000000001AAA", "001000000000002AAA") * 201)
    assert code == "sf:EXCEEDED_ID_LIMIT"


async def test_a_loser_that_is_not_there_is_an_invalid_reference(http, org):
    winner = org.create("Account", {"Name": "A"})
    [result] = await results(http, "merge", request(winner, winner[:14] + "9"))
    assert result.findtext(f"{P}errors/{P}statusCode") == "INVALID_CROSS_REFERENCE_KEY"


def options(*names):
    inner = "".join(f"<options><execute>true</execute><type>{name}</type></options>" for name in names)
    return f"<OwnerChangeOptions>{inner}</OwnerChangeOptions>"


async def test_a_new_owner_of_an_account_takes_over_what_the_options_say(http, org):
    old, new = org.identity.user_id, "005Tg0000000002IAA"
    account = org.create("Account", {"Name": "A"})
    contact = org.create("Contact", {"LastName": "C", "AccountId": account})
    cases = {
        status: org.create("Case", {"Status": status, "AccountId": account}) for status in ("New", "Closed")
    }
    grant = {"Name": "O", "AccountId": account, "CloseDate": "2026-01-01"}
    stages = {
        stage: org.create("Opportunity", {**grant, "StageName": stage})
        for stage in ("Prospecting", "Closed Won")
    }
    asked = (
        f"<sObjects><type>Account</type><Id>{account}</Id><OwnerId>{new}</OwnerId><Phone>1</Phone></sObjects>"
    )
    chosen = options("TransferContacts", "TransferOwnedOpenCases", "TransferOwnedOpenOpportunities")
    [result] = await results(http, "update", asked, header=chosen)
    assert result.findtext(f"{P}success") == "true"
    assert (owner(org, "Account", account), owner(org, "Contact", contact)) == (new, new)
    assert {status: owner(org, "Case", each) for status, each in cases.items()} == {"New": new, "Closed": old}
    found = {stage: owner(org, "Opportunity", each) for stage, each in stages.items()}
    assert found == {"Prospecting": new, "Closed Won": old}
    assert org.records["Account"].whole(account)["Phone"] == "1"


async def test_an_option_without_the_one_that_it_needs_changes_nothing(http, org):
    account = org.create("Account", {"Name": "A"})
    asked = (
        f"<sObjects><type>Account</type><Id>{account}</Id><OwnerId>005Tg0000000002IAA</OwnerId></sObjects>"
    )
    [result] = await results(http, "update", asked, header=options("TransferAllOwnedCases"))
    assert result.findtext(f"{P}success") == "false"
    assert owner(org, "Account", account) == org.identity.user_id
