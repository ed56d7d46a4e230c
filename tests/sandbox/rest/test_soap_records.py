"""The SOAP API's operations on records, as Data Loader and its like send them."""

from datetime import timedelta
from xml.etree import ElementTree

import pytest

from sandbox.org.soap.call import APIS
from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest.test_soap import PARTNER, envelope
from tests.sandbox.rest_client import make_accounts

P, S = f"{{{PARTNER}}}", "{urn:sobject.partner.soap.sforce.com}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


async def results(http, operation, content="", *, header="", api="u", ns=PARTNER):
    token = http.headers["Authorization"].split()[1]
    body = envelope(operation, token, content).replace("</SessionHeader>", f"</SessionHeader>{header}")
    answer = await http.post(f"/services/Soap/{api}/67.0", content=body.replace(PARTNER, ns))
    assert answer.status_code == 200, answer.text
    return ElementTree.fromstring(answer.text)[-1][0].findall(f"{{{ns}}}result")


async def fault(http, operation, content="", *, api="u", ns=PARTNER):
    token = http.headers["Authorization"].split()[1]
    answer = await http.post(f"/services/Soap/{api}/67.0", content=envelope(operation, token, content, ns))
    assert answer.status_code == 500
    return ElementTree.fromstring(answer.text).findtext(".//faultcode"), answer.text


def account(**fields):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<sObjects><type>Account</type>{inner}</sObjects>"


async def test_records_are_created_each_with_a_result(http, org):
    made, failed = await results(http, "create", account(Name="A", Verified__c="true") + account(Phone="1"))
    assert (made.findtext(f"{P}success"), failed.findtext(f"{P}success")) == ("true", "false")
    assert failed.find(f"{P}id").get(NIL) == "true"
    assert failed.findtext(f"{P}errors/{P}statusCode") == "REQUIRED_FIELD_MISSING"
    assert failed.findtext(f"{P}errors/{P}fields") == "Name"
    row = org.store.connection.execute("SELECT Id, Verified__c FROM Account").fetchone()
    assert row == (made.findtext(f"{P}id"), 1)


async def test_all_or_none_undoes_the_good_rows(http, org):
    header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
    made, _ = await results(http, "create", account(Name="A") + account(Phone="1"), header=header)
    assert made.findtext(f"{P}errors/{P}statusCode") == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert org.counts["Account"] == 0


async def test_an_update_empties_what_fields_to_null_names_and_no_empty_element(http, org):
    record_id = org.create("Account", {"Name": "A", "Phone": "1", "Website": "w"})
    [done] = await results(http, "update", account(Id=record_id, fieldsToNull="Phone", Website="", Name="B"))
    assert done.findtext(f"{P}success") == "true"
    row = org.store.connection.execute("SELECT Name, Phone, Website FROM Account").fetchone()
    assert row == ("B", None, "w")


async def test_an_upsert_says_whether_it_created_and_takes_a_parent_by_its_key(http, org):
    key = "<externalIDFieldName>ExternalId__c</externalIDFieldName>"
    for created in ("true", "false"):
        [done] = await results(http, "upsert", key + account(ExternalId__c="A-1", Name="A"))
        assert done.findtext(f"{P}created") == created
    parent = "<Parent><type>Account</type><ExternalId__c>A-1</ExternalId__c></Parent>"
    [done] = await results(
        http,
        "upsert",
        key + account(ExternalId__c="A-2", Name="B").replace("</sObjects>", f"{parent}</sObjects>"),
    )
    assert done.findtext(f"{P}success") == "true", ElementTree.tostring(done)
    assert org.store.connection.execute(
        "SELECT count(*) FROM Account WHERE ParentId IS NOT NULL"
    ).fetchone() == (1,)


async def test_records_go_to_the_recycle_bin_and_come_back(http, org):
    record_id = org.create("Account", {"Name": "A"})
    for operation, count in (("delete", 1), ("undelete", 0), ("delete", 1)):
        [done] = await results(http, operation, f"<ids>{record_id}</ids>")
        assert done.findtext(f"{P}success") == "true"
        assert org.deleted_counts["Account"] == count
    await results(http, "emptyRecycleBin", f"<ids>{record_id}</ids>")
    assert org.counts["Account"] == 0
    [bad] = await results(http, "delete", "<ids>nonsense</ids>")
    assert bad.findtext(f"{P}errors/{P}statusCode") == "MALFORMED_ID"


async def test_a_write_names_soap_as_its_origin(http, org):
    await results(
        http, "create", account(Name="A"), header="<CallOptions><client>loader</client></CallOptions>"
    )
    [body] = org.store.connection.execute("SELECT body FROM events").fetchone()
    assert b"com/salesforce/api/soap/67.0;client=loader" in body


async def test_a_query_comes_in_pages_of_generic_records(http, org):
    make_accounts(org, 450)
    header = "<QueryOptions><batchSize>200</batchSize></QueryOptions>"
    soql = "<queryString>SELECT Id, Name, Parent.Name, CreatedDate FROM Account ORDER BY Name</queryString>"
    [page] = await results(http, "query", soql, header=header)
    names = []
    while True:
        records = page.findall(f"{P}records")
        names += [record.findtext(f"{S}Name") for record in records]
        if page.findtext(f"{P}done") == "true":
            break
        locator = page.findtext(f"{P}queryLocator")
        [page] = await results(http, "queryMore", f"<queryLocator>{locator}</queryLocator>", header=header)
    assert names == [f"Account {number:05d}" for number in range(450)]
    assert page.findtext(f"{P}size") == "450"
    first = records[0]
    assert [each.tag.removeprefix(S) for each in first] == [
        "type",
        "Id",
        "Id",
        "Name",
        "Parent",
        "CreatedDate",
    ]
    assert first.find(f"{S}Parent").get(NIL) == "true"
    assert first.findtext(f"{S}CreatedDate").endswith(".000Z")


async def test_children_and_aggregates_are_results_of_their_own(http, org):
    parent = org.create("Account", {"Name": "A"})
    org.create("Contact", {"LastName": "L", "AccountId": parent})
    soql = "<queryString>SELECT Name, (SELECT LastName FROM Contacts) FROM Account</queryString>"
    [page] = await results(http, "query", soql)
    assert page.findtext(f"{P}records/{S}Contacts/{P}records/{S}LastName") == "L"
    [page] = await results(http, "query", "<queryString>SELECT COUNT(Id) n FROM Account</queryString>")
    assert page.findtext(f"{P}records/{S}n") == "1"


async def test_query_all_finds_what_is_deleted(http, org):
    org.delete("Account", org.create("Account", {"Name": "A"}))
    soql = "<queryString>SELECT Id FROM Account</queryString>"
    sizes = [(await results(http, name, soql))[0].findtext(f"{P}size") for name in ("query", "queryAll")]
    assert sizes == ["0", "1"]


async def test_a_record_that_is_not_there_is_nil(http, org):
    record_id = org.create("Account", {"Name": "A"})
    content = (
        f"<fieldList>Name</fieldList><sObjectType>Account</sObjectType><ids>{record_id}</ids>"
        "<ids>001000000000000AAA</ids>"
    )
    found, missing = await results(http, "retrieve", content)
    assert found.findtext(f"{S}Name") == "A"
    assert missing.get(NIL) == "true"


async def test_objects_are_described(http):
    [listed] = await results(http, "describeGlobal")
    names = [each.findtext(f"{P}name") for each in listed.findall(f"{P}sobjects")]
    assert {"Account", "AccountChangeEvent"} <= set(names)
    content = "<sObjectType>Account</sObjectType><sObjectType>Contact</sObjectType>"
    account_described, _ = await results(http, "describeSObjects", content)
    fields = {each.findtext(f"{P}name"): each for each in account_described.findall(f"{P}fields")}
    assert fields["ParentId"].findtext(f"{P}referenceTo") == "Account"
    [single] = await results(http, "describeSObject", "<sObjectType>account</sObjectType>")
    assert single.findtext(f"{P}keyPrefix") == "001"


async def test_changes_of_a_span_are_told(http, org):
    kept, gone = make_accounts(org, 2)
    org.delete("Account", gone)
    org.advance_clock(120)
    begin = (org.clock.today() - timedelta(days=1)).isoformat()
    end = (org.clock.today() + timedelta(days=1)).isoformat()
    span = (
        f"<sObjectType>Account</sObjectType><startDate>{begin}T00:00:00Z</startDate>"
        f"<endDate>{end}T00:00:00.000Z</endDate>"
    )
    [updated] = await results(http, "getUpdated", span)
    [deleted] = await results(http, "getDeleted", span)
    assert updated.findtext(f"{P}ids") == kept
    assert deleted.findtext(f"{P}deletedRecords/{P}id") == gone


async def test_the_enterprise_api_has_typed_records(http, org):
    org.create("Account", {"Name": "A"})
    ns = "urn:enterprise.soap.sforce.com"
    soql = "<queryString>SELECT Id, Name FROM Account</queryString>"
    [page] = await results(http, "query", soql, api="c", ns=ns)
    record = page.find(f"{{{ns}}}records")
    assert record.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "sf:Account"
    assert [each.tag.rpartition("}")[2] for each in record] == ["Id", "Name"]


@pytest.mark.parametrize(
    ("operation", "content", "code"),
    [
        ("query", "<queryString>SELECT Nope FROM Account</queryString>", "sf:INVALID_FIELD"),
        ("query", "<queryString>SELECT</queryString>", "sf:MALFORMED_QUERY"),
        ("queryMore", "<queryLocator>01gX-1</queryLocator>", "sf:INVALID_QUERY_LOCATOR"),
        ("describeSObject", "<sObjectType>Nope</sObjectType>", "sf:INVALID_TYPE"),
        ("create", "<sObjects><Name>A</Name></sObjects>", "sf:INVALID_TYPE"),
        ("search", "<searchString>FIND {A}</searchString>", "sf:INVALID_OPERATION"),
        ("create", account(Name="A") * 201, "sf:EXCEEDED_ID_LIMIT"),
    ],
)
async def test_what_cannot_be_done_is_a_fault(http, operation, content, code):
    assert (await fault(http, operation, content))[0] == code


@pytest.mark.parametrize("api", ["m", "s", "T"])
async def test_other_apis_refuse_in_faults_of_their_own(http, api):
    code, body = await fault(http, "describeMetadata", api=api, ns=APIS[api].namespace)
    assert code == "sf:INVALID_OPERATION"
    assert f"/services/Soap/{api} is not built" in body


async def test_calls_are_counted_and_told(http, org):
    before = org.meters.api_calls.used
    token = http.headers["Authorization"].split()[1]
    answer = await http.post("/services/Soap/u/67.0", content=envelope("describeGlobal", token))
    assert org.meters.api_calls.used == before + 1
    assert f"<current>{before + 1}</current>" in answer.text


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_text_is_cut_to_its_field_for_whoever_allows_that(http, org, allowed):
    """SOAP API Developer Guide, "AllowFieldTruncationHeader"."""
    flag = f"<allowFieldTruncation>{str(allowed).lower()}</allowFieldTruncation>"
    header = f"<AllowFieldTruncationHeader>{flag}</AllowFieldTruncationHeader>"
    sent = account(Name="x" * 300, Phone="1" * 50, NumberOfEmployees="7", Website="w" * 255)
    [made] = await results(http, "create", sent, header=header)
    assert made.findtext(f"{P}success") == str(allowed).lower()
    found = org.store.connection.execute(
        "SELECT Name, Phone, NumberOfEmployees, Website FROM Account"
    ).fetchall()
    assert found == ([("x" * 255, "1" * 40, 7, "w" * 255)] if allowed else [])
    if not allowed:
        assert made.findtext(f"{P}errors/{P}statusCode") == "STRING_TOO_LONG"
