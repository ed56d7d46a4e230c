"""Parents and children in one call."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients.graph_writes import GraphWrites, Node
from clients.record_writes import Row
from sandbox.org.faults import FaultRule
from schemas.errors import UnknownOutcomeError
from tests.served_org import ServedOrg, served_org
from transforms.row_errors import NOT_SENT

KEY = "ExternalId__c"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as found:
        await found.sessions.session()
        yield found


def account(external_id: str, **options: Any) -> Node:
    return Node("Account", KEY, Row(external_id, {"Name": external_id}, **options))


def contact(external_id: str, parent: int = 0, name: str | None = "L", **options: Any) -> Node:
    return Node("Contact", KEY, Row(external_id, {"LastName": name}, **options), {"AccountId": parent})


async def write(served: ServedOrg, *graphs: list[Node]):
    return await GraphWrites(served.http).write(graphs, "b1")


def parents(served: ServedOrg) -> dict[str, str]:
    """Contact -> account, by their external ids."""
    statement = f"SELECT c.{KEY}, a.{KEY} FROM Contact c LEFT JOIN Account a ON a.Id = c.AccountId"
    return dict(served.org.store.connection.execute(statement))


async def test_parents_and_children_that_were_not_there_are_one_call(served: ServedOrg):
    before = served.org.meters.api_calls.used
    results = await write(
        served, *([account(f"A-{n}"), contact(f"C-{n}"), contact(f"D-{n}")] for n in range(40))
    )
    assert served.org.meters.api_calls.used - before == 1
    assert all(result.created for graph in results for result in graph)
    assert parents(served) == {f"{kind}-{n}": f"A-{n}" for kind in "CD" for n in range(40)}


async def test_records_that_are_there_are_changed(served: ServedOrg):
    record = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    [[first, second]] = await write(served, [account("A-1"), contact("C-1")])
    assert (first.record_id, first.created, second.created) == (record, False, True)


async def test_a_parent_that_may_not_be_created_is_changed_by_its_id(served: ServedOrg):
    record = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    [[first, _]] = await write(served, [account("A-1", may_create=False, record_id=record), contact("C-1")])
    assert (first.record_id, first.code) == (record, "")
    assert parents(served) == {"C-1": "A-1"}


async def test_a_child_may_name_its_parent_by_external_id(served: ServedOrg):
    child = Node("Contact", KEY, Row("C-1", {"LastName": "L", "Account": {KEY: "A-1"}}))
    await write(served, [account("A-1"), child])
    assert parents(served) == {"C-1": "A-1"}


async def test_a_graph_with_a_bad_record_is_not_written_and_the_others_are(served: ServedOrg):
    bad = [account("A-1"), contact("C-1", name=None), contact("D-1")]
    results = await write(served, bad, [account("A-2"), contact("C-2")])
    codes = [[result.code for result in graph] for graph in results]
    assert codes == [["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"], ["", ""]]
    assert parents(served) == {"C-2": "A-2"}


UNFIT = [
    [account("A-1"), Node("Contact", KEY, Row("C-1", {"LastName": "@{node0.id}"}))],
    [account("A/1"), contact("C-1")],
    [account("ada@x.inc"), contact("C-1")],
    [account("A-1", may_create=False), contact("C-1")],
]


@pytest.mark.parametrize("graph", UNFIT, ids=["reference", "slash", "host", "none to change"])
async def test_a_graph_that_cannot_carry_a_record_is_left_out(served: ServedOrg, graph: list[Node]):
    unsent, sent = await write(served, graph, [account("A-2"), contact("C-2")])
    assert {result.code for result in unsent} <= {NOT_SENT, "NOT_FOUND"}
    assert [result.code for result in sent] == ["", ""]
    assert parents(served) == {"C-2": "A-2"}


@pytest.mark.parametrize("external_id", ["a b+c", "é%20", "O'Neill?x=1&y#z", 'quo"te'])
async def test_an_external_id_travels_in_an_address_as_it_is(served: ServedOrg, external_id: str):
    await write(served, [account(external_id), contact("C-1")])
    assert parents(served) == {"C-1": external_id}


async def test_what_one_call_cannot_carry_is_refused_before_anything_is_sent(served: ServedOrg):
    with pytest.raises(ValueError, match="more than"):
        await write(served, *([account(f"A-{n}")] for n in range(76)))
    with pytest.raises(ValueError, match="before its parent"):
        await write(served, [contact("C-1", parent=1), account("A-1")])
    assert served.org.counts["Account"] == 0


async def test_the_batch_comes_back_in_the_origin_of_its_changes(served: ServedOrg):
    await write(served, [account("A-1"), contact("C-1")])
    events, _ = served.org.bus.read(0, None, 100, 10**9)
    assert len(events) == 2
    assert all(b";client=tidegate-b1" in event[3] for event in events)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
async def test_a_graph_without_an_answer_has_an_unknown_outcome(served: ServedOrg, kind: str):
    served.org.faults.add(FaultRule(point="http", kind=kind, times=1, match="/composite/graph"))
    with pytest.raises(UnknownOutcomeError):
        await write(served, [account("A-1"), contact("C-1")])
    assert bool(parents(served)) == (kind != "reset_before")
