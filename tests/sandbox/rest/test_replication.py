"""Updated, deleted and conditional requests: what clients that copy an object lean on."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.rest_client import V, error, make_accounts

X = f"{V}/sobjects/Account"


def span(start, end):
    now = datetime.now(UTC)
    return {"start": (now + start).isoformat(), "end": (now + end).isoformat()}


SOON = timedelta(minutes=2)


async def test_updated_lists_live_records_and_deleted_the_others(client, org):
    first, second = make_accounts(org, 2)
    org.delete("Account", second)
    asked = span(-timedelta(hours=1), SOON)
    updated = (await client.get(f"{X}/updated/", params=asked)).json()
    assert updated["ids"] == [first]
    assert updated["latestDateCovered"].endswith(":00.000+0000")
    deleted = (await client.get(f"{X}/deleted/", params=asked)).json()
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    [row] = deleted["deletedRecords"]
    assert row["id"] == second
    assert row["deletedDate"].endswith(".000+0000")


async def test_a_span_may_end_in_the_future_but_is_covered_only_until_now(client):
    answer = (await client.get(f"{X}/updated", params=span(-SOON, timedelta(days=1)))).json()
    assert datetime.fromisoformat(answer["latestDateCovered"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("resource", "start", "end", "message"),
    [
        (
            "updated",
            -timedelta(seconds=0),
            timedelta(0),
            "startDate must be before endDate, and the span at least one minute long",
        ),
        ("updated", -timedelta(days=31), timedelta(0), "startDate cannot be more than 30 days ago"),
        ("deleted", -timedelta(days=16), timedelta(0), "startDate cannot be more than 15 days ago"),
    ],
)
async def test_a_span_that_may_not_be_asked_for_is_refused(client, resource, start, end, message):
    answer = await client.get(f"{X}/{resource}", params=span(start, end))
    assert answer.status_code == 400
    assert error(answer) == {"errorCode": "INVALID_REPLICATION_DATE", "message": message}


async def test_a_date_that_is_none_is_refused(client):
    answer = await client.get(f"{X}/updated", params={"start": "soon", "end": "later"})
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "INVALID_REPLICATION_DATE",
        "message": "start is not a valid date: soon",
    }


async def test_an_account_has_an_etag_and_no_other_object_has(client, org):
    [known] = make_accounts(org, 1)
    contact = org.create("Contact", {"LastName": "L"})
    tag = (await client.get(f"{X}/{known}")).headers["ETag"]
    assert "ETag" not in (await client.get(f"{V}/sobjects/Contact/{contact}")).headers
    again = await client.get(f"{X}/{known}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_an_update_goes_through_only_with_the_right_etag(client, org):
    [known] = make_accounts(org, 1)
    tag = (await client.get(f"{X}/{known}")).headers["ETag"]
    assert (
        await client.patch(f"{X}/{known}", json={"Name": "B"}, headers={"If-Match": tag})
    ).status_code == 204
    stale = await client.patch(f"{X}/{known}", json={"Name": "C"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert error(stale) == {
        "errorCode": "MATCH_PRECONDITION_FAILED",
        "message": "The record does not match the entity tag given in the request",
    }
    same = (await client.get(f"{X}/{known}")).headers["ETag"]
    held = await client.patch(f"{X}/{known}", json={"Name": "C"}, headers={"If-None-Match": same})
    assert held.status_code == 412


async def test_a_header_that_is_no_etag_is_refused_when_it_guards_a_write(client, org):
    [known] = make_accounts(org, 1)
    answer = await client.patch(f"{X}/{known}", json={"Name": "C"}, headers={"If-Match": "nonsense"})
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "INVALID_HEADER",
        "message": "if-match is not an entity tag: nonsense",
    }


async def test_a_delete_takes_no_condition(client, org):
    [known] = make_accounts(org, 1)
    answer = await client.delete(f"{X}/{known}", headers={"If-Match": '"x"'})
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "INVALID_HEADER",
        "message": "DELETE does not support the header if-match",
    }
    assert org.deleted_counts["Account"] == 0


async def test_what_is_not_built_says_so(client):
    for path, what in (
        ("/search?q=FIND", "Search (SOSL)"),
        ("/analytics/reports", "Reports and Dashboards REST API"),
    ):
        answer = await client.get(f"{V}{path}")
        assert answer.status_code == 501
        assert error(answer) == {
            "errorCode": "NOT_BUILT",
            "message": f"{what} is not built in this sandbox; see docs/sandbox.md",
        }


async def test_who_takes_only_xml_gets_406(client):
    answer = await client.get(f"{V}/limits", headers={"Accept": "application/xml"})
    assert answer.status_code == 406
    assert error(answer) == {
        "errorCode": "NOT_ACCEPTABLE",
        "message": "XML answers are not built in this sandbox; accept application/json",
    }


async def test_a_plan_tells_how_a_query_would_be_run(client, org):
    make_accounts(org, 3)
    answer = await client.get(f"{V}/query", params={"explain": "SELECT Id FROM Account"})
    [plan] = answer.json()["plans"]
    assert (plan["sobjectType"], plan["cardinality"], plan["sobjectCardinality"]) == ("Account", 3, 3)


async def test_options_is_refused_in_json(client):
    answer = await client.request("OPTIONS", f"{V}/limits")
    assert answer.status_code == 405
    assert error(answer)["errorCode"] == "METHOD_NOT_ALLOWED"
    assert error(answer)["message"] == "HTTP Method 'OPTIONS' not allowed. Allowed are GET,HEAD"
