"""aiosfstream-ng: CometD over aiohttp. Its login host is built in, as is the version of the
Streaming API.
"""

import pytest

from tests.real_clients.client import this_python_driver

pytestmark = pytest.mark.service

SCRIPT = "aiosfstream_ng.py"


def header(message):
    return message["data"]["payload"]["ChangeEventHeader"]


@pytest.mark.parametrize("login", ["password", "refresh_token"])
def test_a_subscriber_from_the_oldest_event_receives_every_change(salesforce, login):
    count = salesforce.control("GET", "/state")["events"]["held"]
    received = this_python_driver(
        salesforce, SCRIPT, "receive", login=login, channel="/data/ChangeEvents", count=count
    )
    replay_ids = [message["data"]["event"]["replayId"] for message in received]
    assert replay_ids == sorted(set(replay_ids))
    seen = {record_id for message in received for record_id in header(message)["recordIds"]}
    assert seen >= set(salesforce.records("Payment__c", deleted=True))


def test_a_second_client_goes_on_where_the_first_stopped(salesforce):
    newest = salesforce.control("GET", "/state")["events"]["newest_replay_id"]
    ids = [salesforce.create("Account", Name=f"Resumed {n}") for n in range(6)]
    received = this_python_driver(
        salesforce,
        SCRIPT,
        "resume",
        channel="/data/AccountChangeEvent",
        replay_id=newest,
        date="0",
        counts=[2, 4],
    )
    assert [header(message)["recordIds"] for message in received] == [[record_id] for record_id in ids]
