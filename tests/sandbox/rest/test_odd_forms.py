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
