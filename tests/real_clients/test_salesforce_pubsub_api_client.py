"""salesforce-pubsub-api-client: Pub/Sub from Node; decodes bitmaps of changed fields itself and
asks for more when it is through.
"""

import pytest

from tests.real_clients.client import node_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client

CLIENT = "salesforce-pubsub-api-client"
LOGINS = ("username-password", "oauth-client-credentials", "oauth-jwt-bearer")


@pytest.fixture
def call(salesforce):
    return lambda name, **given: node_driver(salesforce, CLIENT, name, **{"auth": LOGINS[1], **given})


def newest(org):
    return org.control("GET", "/state")["events"]["newest_replay_id"]


@pytest.mark.parametrize("auth", LOGINS)
def test_each_way_to_log_in_leads_to_events(call, auth):
    assert len(call("receive", auth=auth, topic="/data/ChangeEvents", count=3, batch=3)) == 3


def test_all_that_is_held_arrives_in_order_batch_after_batch(salesforce, call):
    count = salesforce.control("GET", "/state")["events"]["held"]
    events = call("receive", topic="/data/ChangeEvents", count=count, batch=100)
    replay_ids = [int(event["replayId"]) for event in events]
    assert replay_ids == sorted(set(replay_ids))
    seen = {found for event in events for found in event["payload"]["ChangeEventHeader"]["recordIds"]}
    for name in ("Account", "Contact", "Case", "ServiceRequest__c", "Payment__c"):
        assert seen >= set(salesforce.records(name, deleted=True))


def test_an_update_names_the_fields_that_changed_and_that_became_null(salesforce, call):
    fields = {"Name": "Marsh", "Description": AWKWARD_TEXTS[1], "BillingCity": "Northgate"}
    record_id = salesforce.create("Account", **fields)
    position = newest(salesforce)
    patch = {"Description": None, "BillingCity": "Larkfield", "Phone": "1"}
    salesforce.rest("PATCH", f"/sobjects/Account/{record_id}", patch)
    [event] = call("receive", topic="/data/AccountChangeEvent", replay_id=position, count=1, batch=1)
    header = event["payload"]["ChangeEventHeader"]
    assert (header["changeType"], header["recordIds"]) == ("UPDATE", [record_id])
    assert set(header["changedFields"]) == {"Description", "BillingAddress.City", "Phone", "LastModifiedDate"}
    assert header["nulledFields"] == ["Description"]
    assert event["payload"]["BillingAddress"]["City"] == "Larkfield"
    assert event["payload"]["Name"] is None


def test_a_position_that_is_not_held_is_an_invalid_argument(call):
    refused = call("stale", topic="/data/ChangeEvents", replay_id=10**12)
    assert refused["code"] == 3
    [code] = refused["errorCode"]
    assert code.endswith("subscription.fetch.replayid.corrupted")
