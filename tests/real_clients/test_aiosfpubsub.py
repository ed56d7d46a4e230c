"""aiosfpubsub: the Pub/Sub API with its own stubs, the Avro library of Apache, and a SOAP login
without security token.
"""

import pytest

from tests.real_clients.client import python_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client

CLIENT = "aiosfpubsub"


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, CLIENT, name, **given)


def newest(org):
    return org.control("GET", "/state")["events"]["newest_replay_id"]


def test_events_arrive_in_order_from_the_earliest_over_several_fetches(salesforce, call):
    oldest = salesforce.control("GET", "/state")["events"]["oldest_replay_id"]
    events = call("receive", topic="/data/ChangeEvents", preset="EARLIEST", requested=100, count=150)
    replay_ids = [event["replay_id"] for event in events]
    assert replay_ids[0] == oldest
    assert replay_ids == sorted(set(replay_ids))
    headers = [event["payload"]["ChangeEventHeader"] for event in events]
    for found in headers:
        assert set(found["recordIds"]) <= set(salesforce.records(found["entityName"], deleted=True))


def test_awkward_texts_arrive_as_they_were_written(salesforce, call):
    position = newest(salesforce).to_bytes(8, "big").hex()
    ids = [salesforce.create("Account", Name="Awkward", Description=text) for text in AWKWARD_TEXTS]
    events = call(
        "receive",
        topic="/data/AccountChangeEvent",
        preset="CUSTOM",
        replay_id=position,
        requested=50,
        count=len(ids),
    )
    payloads = [event["payload"] for event in events]
    assert [found["ChangeEventHeader"]["recordIds"] for found in payloads] == [[found] for found in ids]
    held = salesforce.records("Account")
    assert [found["Description"] for found in payloads] == [held[found]["Description"] for found in ids]
    assert all(found["Phone"] is None for found in payloads)


def test_a_topic_can_be_subscribed_to_and_names_its_schema(call):
    found = call("topic", topic="/data/CaseChangeEvent")
    assert found["topic_name"] == "/data/CaseChangeEvent"
    assert found["can_subscribe"]
    assert found["schema_id"]


def test_a_position_that_is_not_held_is_refused(call):
    found = call("stale_replay", topic="/data/ChangeEvents", replay_id=(10**12).to_bytes(8, "big").hex())
    assert found["status"] == "INVALID_ARGUMENT"
    assert found["error_code"].endswith("subscription.fetch.replayid.corrupted")
