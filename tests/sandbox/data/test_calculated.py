"""Calculated fields: worked out when read, by the org's clock, and in events only where the org
sends them.
"""

import orjson
import pytest

from sandbox.org.schema.setup import load_setup
from sandbox.org.server.app import build_app
from sandbox.org.soql.entities import build_entities
from tests.sandbox.org_in_process import http_client, new_org

V = "/services/data/v67.0"
DAY = 86_400


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
async def app(org):
    built = build_app(org)
    async with built.router.lifespan_context(built):
        yield built


def payloads(org):
    rows = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    return [orjson.loads(row[0])["payload"] for row in rows]


async def query(app, soql):
    # A session of its own: the clock's advance ends the others.
    async with http_client(app, app.state.org) as client:
        return (await client.get(f"{V}/query", params={"q": soql})).json()["records"]


def test_every_calculated_field_of_the_set_up_is_in_the_org_that_ships(org):
    found = {
        entity.name: {field.name for field in entity.fields.values() if field.is_calculated}
        for entity in org.entities
    }
    wanted = load_setup().calculated
    assert {name: fields for name, fields in found.items() if fields} == {
        name: set(fields) for name, fields in wanted.items()
    }


def test_an_org_without_the_child_object_has_no_roll_up_over_it(org):
    objects = {name: spec for name, spec in org.store.objects.items() if name != "Payment__c"}
    fields = build_entities(objects).all["ServiceRequest__c"].fields
    assert "PaidTotal__c" not in fields
    assert "DaysOpen__c" in fields


async def test_days_are_counted_by_the_orgs_clock(app, org):
    now = org.clock.now().stored
    org.create("ServiceRequest__c", {"Status__c": "Submitted", "SubmittedAt__c": now})
    soql = "SELECT DaysOpen__c FROM ServiceRequest__c"
    assert [row["DaysOpen__c"] for row in await query(app, soql)] == [0.0]
    org.advance_clock(3 * DAY)
    assert [row["DaysOpen__c"] for row in await query(app, soql)] == [3.0]
    assert len(await query(app, f"{soql} WHERE DaysOpen__c > 2")) == 1


async def test_date_words_count_from_the_orgs_day(app, org):
    org.create("Account", {"Name": "A"})
    assert len(await query(app, "SELECT Id FROM Account WHERE CreatedDate = TODAY")) == 1
    org.advance_clock(DAY)
    assert await query(app, "SELECT Id FROM Account WHERE CreatedDate = TODAY") == []
    assert len(await query(app, "SELECT Id FROM Account WHERE CreatedDate = YESTERDAY")) == 1


def test_no_event_carries_a_calculated_field_until_the_dial_says_so(org):
    account_id = org.create("Account", {"Name": "A", "Region__c": "North"})
    org.create("Case", {"Status": "New", "AccountId": account_id})
    assert "AccountRegion__c" not in payloads(org)[-1]
    org.dials.events.calculated_fields = True
    case_id = org.create("Case", {"Status": "New", "AccountId": account_id})
    assert payloads(org)[-1]["AccountRegion__c"] == "North"
    org.delete("Case", case_id)
    org.undelete("Case", case_id)
    assert payloads(org)[-1]["AccountRegion__c"] == "North"


def test_an_update_tells_the_calculated_fields_that_it_changed_itself(org):
    north = org.create("Account", {"Name": "A", "Region__c": "North"})
    south = org.create("Account", {"Name": "B", "Region__c": "South"})
    case_id = org.create("Case", {"Status": "New", "AccountId": north})
    org.dials.events.calculated_fields = True
    org.update("Case", case_id, {"Subject": "s"})
    assert "AccountRegion__c" not in payloads(org)[-1]
    org.update("Case", case_id, {"AccountId": south})
    assert payloads(org)[-1]["AccountRegion__c"] == "South"


def test_a_change_of_the_parent_alone_tells_nothing_of_the_child(org):
    org.dials.events.calculated_fields = True
    account_id = org.create("Account", {"Name": "A", "Region__c": "North"})
    org.create("Case", {"Status": "New", "AccountId": account_id})
    before = len(payloads(org))
    org.update("Account", account_id, {"Region__c": "South"})
    assert [event["ChangeEventHeader"]["entityName"] for event in payloads(org)[before:]] == ["Account"]


def test_an_event_with_calculated_fields_names_a_schema_that_can_carry_them(org):
    org.dials.events.calculated_fields = True
    org.create("Case", {"Status": "New"})
    row = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id DESC").fetchone()
    schema = org.channels.schema_json(orjson.loads(row[0])["schema"])
    assert schema is not None
    assert "AccountRegion__c" in [field["name"] for field in orjson.loads(schema)["fields"]]
