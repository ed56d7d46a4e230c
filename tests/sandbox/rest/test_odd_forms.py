"""Calls in forms that are odd and right: names in any case, weights, addresses of nothing with a
slash too many (RFC 9110, "Media Type", "Quality Values"; REST API Developer Guide, "Use
Compression", "Platform Event Schema by Event Name"; Apex Developer Guide, "Apex REST Methods").
"""

from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.org.state.org import Org
from tests.sandbox.org_in_process import client_of
from tests.sandbox.rest_client import V, error, make_accounts

LARGE = f"{V}/sobjects"
MANY = f"{V}/query?q=SELECT+FIELDS(STANDARD)+FROM+Account+LIMIT+200"


@pytest.fixture
async def client(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(org) as found:
        yield found


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("br", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", [LARGE, MANY])
async def test_an_answer_is_packed_for_whoever_accepts_that(client, org, path, accepted, packed):
    make_accounts(org, 200)
    answer = await client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert (answer.headers.get("content-encoding") == "gzip") == packed


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("APPLICATION/JSON", 200),
        ("application/xml;q=0, */*", 200),
        ("Application/XML", 406),
        ("text/XML;q=0.3", 406),
    ],
)
async def test_a_media_type_is_accepted_in_any_case_and_by_its_weight(client, accept, status):
    answer = await client.get(f"{V}/limits/recordCount?sObjects=account", headers={"Accept": accept})
    assert answer.status_code == status


@pytest.mark.parametrize("content_type", ["APPLICATION/XML", "Text/Xml; charset=UTF-8"])
async def test_a_body_that_says_that_it_is_xml_is_refused_in_any_case(client, org, content_type):
    answer = await client.post(
        f"{V}/sobjects/Account", content=b'{"Name": "A"}', headers={"Content-Type": content_type}
    )
    assert (answer.status_code, error(answer)["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert org.counts["Account"] == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/csv", 415),
    ],
)
async def test_a_body_that_says_that_it_is_no_json_is_refused(client, org, content_type, status):
    """REST API Developer Guide, "Status Codes and Error Responses": 415."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post(f"{V}/sobjects/Account", content=b'{"Name": "A"}', headers=headers)
    assert (answer.status_code, org.counts["Account"]) == (status, status == 201)
    if status == 415:
        told = f"Content-Type header specified in HTTP request is not supported: {content_type}"
        assert error(answer) == {"errorCode": "UNSUPPORTED_MEDIA_TYPE", "message": told}


@pytest.mark.parametrize("name", ["Id", "id"])
async def test_the_id_of_a_record_is_in_the_address_alone(client, org, name):
    """REST API Developer Guide, "Create a Record": its example of an error."""
    [record_id] = make_accounts(org, 1)
    body = {name: record_id, "Name": "B"}
    key = f"{V}/sobjects/Account/ExternalId__c/X"
    for method, path in (
        ("POST", f"{V}/sobjects/Account"),
        ("PATCH", f"{V}/sobjects/Account/{record_id}"),
        ("PATCH", key),
        ("POST", f"{V}/sobjects/Account/Id"),
    ):
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 400
        assert error(answer)["errorCode"] == "INVALID_FIELD"
        assert error(answer)["message"] == "The Id field should not be specified in the sobject data."
    assert org.store.connection.execute("SELECT Name FROM Account").fetchall() == [("Account 00000",)]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", ["Name", "Nope__c"])
async def test_an_address_by_a_field_that_is_no_external_id_says_so(client, method, name):
    body = {"json": {"Phone": "1"}} if method == "PATCH" else {}
    answer = await client.request(method, f"{V}/sobjects/Account/{name}/A", **body)
    assert (answer.status_code, error(answer)["errorCode"]) == (404, "NOT_FOUND")
    wanted = f"Provided external ID field does not exist or is not accessible: {name}"
    assert error(answer)["message"] == wanted


async def test_the_schema_of_an_event_is_found_in_any_case(client):
    schemas = [
        (await client.get(f"{V}/sobjects/{name}/eventSchema")).json()
        for name in ("AccountChangeEvent", "accountchangeevent", "ACCOUNTCHANGEEVENT")
    ]
    assert schemas[0]["uuid"]
    assert schemas[0] == schemas[1] == schemas[2]


@pytest.mark.parametrize("path", ["/services/apexrest", "/services/apexrest/", "/services/apexrest/A/b/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_address_of_apex_leads_to_no_class_with_or_without_a_slash(client, method, path):
    answer = await client.request(method, path, json={})
    assert answer.status_code == 404
    assert error(answer) == {"errorCode": "NOT_FOUND", "message": "Could not find a match for URL"}


async def test_no_address_is_answered_by_another_one_with_a_slash(client):
    for path in ("/services/", "/services/data/v67.0/nothing/", "/sandbox/records/", "/cometd/", "/graphql/"):
        assert (await client.get(path)).status_code in (400, 404), path


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.swapcase])
@pytest.mark.parametrize(
    "path",
    [
        "/sobjects", "/sobjects/Account/describe", "/limits/recordCount", "/tooling/sobjects", "/jobs/ingest",
        "/sobjects/AccountChangeEvent/eventSchema", "/jobs/query", "/composite",
    ],
)  # fmt: skip
async def test_the_words_of_an_address_are_the_same_in_any_case(client, path, spelled):
    """Bulk API 2.0 and Bulk API Developer Guide, "Get Parallel Results for a Query Job": the guide
    spells one resource in two ways.
    """
    plain, odd = [await client.get(f"{V}{each}") for each in (path, spelled(path))]
    assert plain.status_code == odd.status_code == 200
    assert odd.json() == plain.json()


async def test_ids_and_values_of_an_address_keep_their_case(client, org):
    [record_id] = make_accounts(org, 1)
    found = await client.get(f"{V}/SObjects/account/{record_id[:15]}")
    assert found.json()["Id"] == record_id
    assert (await client.get(f"{V}/sobjects/Account/{record_id[:15].swapcase()}")).status_code == 404


async def test_the_words_are_the_same_in_any_case_inside_a_composite(client):
    steps = [
        {"method": "GET", "url": f"{V}/limits/RECORDCOUNT?sObjects=Account", "referenceId": "a"},
        {"method": "POST", "url": f"{V}/Composite/Batch", "referenceId": "b", "body": {}},
    ]
    answer = await client.post(f"{V}/Composite", json={"compositeRequest": steps})
    told = {each["referenceId"]: each["httpStatusCode"] for each in answer.json()["compositeResponse"]}
    assert told == {"a": 200, "b": 400}


@pytest.mark.parametrize("path", ["/services/Data/v67.0/limits", "/Services/data/v67.0/limits"])
async def test_what_stands_before_the_version_has_one_spelling(client, path):
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/cometd/67.0", None),
        ("/cometd/37.0", None),
        ("/cometd/36.0", "Unsupported API version"),
        ("/cometd/99.0", "Unsupported API version"),
        ("/cometd", "API version in the URI is mandatory"),
    ],
)
async def test_streaming_has_the_versions_that_the_org_has(client, path, error):
    """Streaming API Developer Guide, "Streaming API Error Codes"."""
    [answer] = (await client.post(path, json=[{"channel": "/meta/handshake", "id": "1"}])).json()
    assert answer["successful"] == (error is None)
    assert error is None or answer["error"].startswith(f"400::{error}")
