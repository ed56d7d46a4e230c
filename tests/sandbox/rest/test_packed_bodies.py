"""Requests that come packed, by every API, and addresses with a slash too many."""

import gzip
import zlib

import orjson
import pytest

from sandbox.org.server import packed_bodies
from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest.test_soap import envelope
from tests.sandbox.rest_client import V

GZIP, DEFLATE = {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}
JSON = {"Content-Type": "application/json"}
ACCOUNT = orjson.dumps({"Name": "Packed"})
HANDSHAKE = orjson.dumps(
    {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}
)


def bare_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.mark.parametrize(
    ("pack", "headers"),
    [
        (gzip.compress, GZIP),
        (gzip.compress, {"Content-Encoding": "X-GZip"}),
        (zlib.compress, DEFLATE),
        (bare_deflate, DEFLATE),
        (lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:]), GZIP),
        (lambda body: body, {"Content-Encoding": "identity"}),
    ],
)
async def test_a_packed_record_is_created(http, pack, headers):
    answer = await http.post(f"{V}/sobjects/Account", content=pack(ACCOUNT), headers=headers | JSON)
    assert answer.status_code == 201, answer.text


async def test_every_api_takes_a_packed_body(http):
    token = http.headers["Authorization"].split()[1]
    composite = {"allOrNone": False, "records": [{"attributes": {"type": "Account"}, "Name": "A"}]}
    asked = {
        f"{V}/composite/sobjects": (orjson.dumps(composite), JSON),
        "/cometd/67.0": (HANDSHAKE, JSON),
        "/services/Soap/u/67.0": (envelope("getServerTimestamp", token).encode(), {}),
        f"{V}/jobs/query": (b'{"operation": "query", "query": "SELECT Id FROM Account"}', JSON),
        "/services/async/67.0/job": (
            b'{"operation": "query", "object": "Account", "contentType": "CSV"}',
            JSON | {"X-SFDC-Session": token},
        ),
    }
    for path, (body, headers) in asked.items():
        answer = await http.post(path, content=gzip.compress(body), headers=headers | GZIP)
        assert answer.is_success, (path, answer.text)


async def test_rows_of_an_ingest_job_come_packed(http):
    made = await http.post(f"{V}/jobs/ingest", json={"object": "Account", "operation": "insert"})
    path = f"{V}/jobs/ingest/{made.json()['id']}/batches"
    headers = {"Content-Type": "text/csv"} | GZIP
    answer = await http.put(path, content=gzip.compress(b"Name\nPacked\n"), headers=headers)
    assert answer.status_code == 201, answer.text


async def test_a_broken_body_is_refused_in_the_form_of_its_api(http):
    cut = gzip.compress(ACCOUNT)[:-6]
    for broken in (ACCOUNT, cut):
        answer = await http.post(f"{V}/sobjects/Account", content=broken, headers=GZIP)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_REQUEST_BODY")
    soap = await http.post("/services/Soap/u/67.0", content=cut, headers=GZIP)
    assert soap.status_code == 500
    assert "<soapenv:Fault>" in soap.text
    cometd = await http.post("/cometd/67.0", content=cut, headers=GZIP)
    assert cometd.status_code == 400
    bulk = await http.post("/services/async/67.0/job", content=cut, headers=GZIP | JSON)
    assert bulk.json()["exceptionCode"]


async def test_another_encoding_is_refused(http):
    answer = await http.post(f"{V}/sobjects/Account", content=ACCOUNT, headers={"Content-Encoding": "br"})
    assert answer.status_code == 415


async def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(http, monkeypatch):
    monkeypatch.setattr(packed_bodies, "REQUEST_MAX_BYTES", 2_000_000)
    body = gzip.compress(b" " * 3_000_000 + ACCOUNT)
    answer = await http.post(f"{V}/sobjects/Account", content=body, headers=GZIP)
    assert answer.json()[0]["errorCode"] == "EXCEEDED_MAX_SIZE_REQUEST"


@pytest.mark.parametrize(
    "path",
    [f"/{V}/limits", f"/{V}/limits/", f"{V}/limits///", "//services/data", "//services/oauth2/userinfo/"],
)
async def test_a_slash_too_many_changes_nothing(http, path):
    answer = await http.get(f"http://org{path}")
    assert answer.status_code == 200, answer.text


async def test_a_slash_in_an_external_id_is_part_of_it(http, org):
    answer = await http.patch(f"{V}/sobjects/Account/ExternalId__c/A%2F", json={"Name": "Slash"})
    assert answer.status_code == 201, answer.text
    assert org.store.connection.execute("SELECT ExternalId__c FROM Account").fetchall() == [("A/",)]


async def test_an_address_of_no_api_is_refused_in_json(http):
    answer = await http.get("/services/nope")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    assert (await http.get("/services/oauth2/token")).status_code == 405
