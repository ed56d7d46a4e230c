"""The traffic's share of old records: those that were there before a run, each with the same
chance.
"""

import asyncio
from collections.abc import Iterator

import orjson
import pytest

from sandbox.org.state.org import Org
from sandbox.org.traffic.fill import FillPlan, fill
from sandbox.org.traffic.maker import TrafficMaker
from sandbox.org.traffic.plan import TrafficPlan

FILLED = {"Account": 600, "Case": 400, "ServiceRequest__c": 400, "Payment__c": 400, "Opportunity": 400}


@pytest.fixture
async def filled(org: Org) -> Org:
    for name, records in FILLED.items():
        await fill(org, FillPlan(object=name, records=records))
    return org


async def play(org: Org, **plan: object) -> None:
    traffic = TrafficMaker(org)
    traffic.start(TrafficPlan.model_validate({"rate_per_minute": 240_000, "seconds": 0.5, **plan}))
    while traffic.state()["running"]:  # noqa: ASYNC110 -- a run sets no event
        await asyncio.sleep(0.01)
    await traffic.stop()


def touched(org: Org, *kinds: str) -> Iterator[str]:
    """Ids of the records with an event of one of the kinds, once an event."""
    for (body,) in org.store.connection.execute("SELECT body FROM events ORDER BY replay_id"):
        header = orjson.loads(body)["payload"]["ChangeEventHeader"]
        if header["changeType"] in kinds:
            yield from header["recordIds"]


def old_ids(org: Org) -> set[str]:
    return {org.records[name].ids.made(number) for name in FILLED for number in range(1, FILLED[name] + 1)}


async def test_numbers_name_the_records_in_the_order_in_which_they_were_made(filled: Org) -> None:
    rows = filled.store.connection.execute('SELECT Id FROM "Account" ORDER BY rowid')
    made = filled.records["Account"].ids.made
    assert [row[0] for row in rows] == [made(number) for number in range(1, 601)]


async def test_a_share_of_one_changes_and_deletes_old_records_all_over_the_table(filled: Org) -> None:
    old = old_ids(filled)
    await play(filled, old_share=1, diffs=0)
    changed, deleted = set(touched(filled, "UPDATE")), list(touched(filled, "DELETE"))
    assert len(changed) > 300
    # Contacts have none that are old.
    assert {record_id for record_id in changed if not record_id.startswith("003")} <= old
    assert deleted
    # A payment that the run has made goes with its request.
    assert {record_id for record_id in deleted if not record_id.startswith("a02")} <= old
    numbers = [n for n in range(1, 601) if filled.records["Account"].ids.made(n) in changed]
    assert min(numbers) < 100
    assert max(numbers) > 500


async def test_a_share_of_a_half_changes_old_and_new_records(filled: Org) -> None:
    old = old_ids(filled)
    await play(filled, old_share=0.5)
    changed = set(touched(filled, "UPDATE"))
    assert 0.2 < len(changed & old) / len(changed) < 0.8
