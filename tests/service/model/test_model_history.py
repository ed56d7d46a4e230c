"""Over any history, delivered in any order: a build that goes on gives what a build from nothing
gives, and each fact has the version of its account that was valid then.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from tests.support.builders.batches import Road
from tests.support.builders.bus import BASE_MS, USER
from tests.support.engines.modelling import CompiledModel

pytestmark = [
    pytest.mark.service,
    pytest.mark.model,
    # A failing history is shown with everything that it was run on.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
]

CATALOGUE = default_catalogue()
UNKNOWN, NONE = "0" * 32, "f" * 32
ACCOUNTS = [f"001{number:015d}" for number in range(3)]
CONTACTS = [f"003{number:015d}" for number in range(2)]
CASES = [f"500{number:015d}" for number in range(3)]
REQUESTS = [f"a01{number:015d}" for number in range(2)]
PAYMENTS = [f"a02{number:015d}" for number in range(3)]
SPAN = 8
"""Seconds of a history: several changes share one."""


def stamp(second: int) -> str:
    return (datetime.fromtimestamp(BASE_MS / 1000, UTC) + timedelta(seconds=second)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


SECONDS = st.integers(0, SPAN)
PARENT = st.none() | st.sampled_from(ACCOUNTS)
FIELDS: dict[str, tuple[list[str], dict[str, st.SearchStrategy[Any]]]] = {
    "Account": (ACCOUNTS, {"Name": st.sampled_from("abc"), "Region__c": st.none() | st.sampled_from("ns")}),
    "Contact": (CONTACTS, {"LastName": st.sampled_from("xyz"), "AccountId": PARENT}),
    "Case": (
        CASES,
        {
            "CaseNumber": st.sampled_from(["1", "2"]),
            "Status": st.sampled_from(["New", "In Review", "Decided", "Closed", "Odd"]),
            "AccountId": PARENT,
            "ContactId": st.none() | st.sampled_from(CONTACTS),
            "Program__c": st.none() | st.sampled_from(["A", "B"]),
            "SlaHours__c": st.none() | st.integers(0, 1),
        },
    ),
    "ServiceRequest__c": (
        REQUESTS,
        {"Name": st.sampled_from("r"), "Status__c": st.sampled_from(["Submitted", "Completed"]), "Account__c": PARENT,
         "Case__c": st.none() | st.sampled_from(CASES), "SubmittedAt__c": st.none() | SECONDS.map(stamp)},
    ),
    "Payment__c": (
        PAYMENTS,
        {"Name": st.sampled_from("p"), "Status__c": st.sampled_from(["Scheduled", "Settled", "Returned"]),
         "Account__c": st.sampled_from(ACCOUNTS), "Amount__c": st.integers(1, 9),
         "ServiceRequest__c": st.none() | st.sampled_from(REQUESTS), "ScheduledAt__c": st.none() | SECONDS.map(stamp)},
    ),
}  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Changes in three to five deliveries, in any order: parents may come last, and old changes
    after new ones.
    """
    made = [draw(changes(number)) for number in range(draw(st.integers(4, 24)))]
    order = draw(st.permutations(made))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), min_size=2, max_size=4)))
    return [list(order[first:last]) for first, last in pairwise([0, *cuts, len(order)])]


@st.composite
def changes(draw: st.DrawFn, number: int) -> dict[str, Any]:
    name = draw(st.sampled_from([*FIELDS, "Account", "Case"]))
    ids, fields = FIELDS[name]
    kind = draw(st.sampled_from(["CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE"]))
    second = draw(SECONDS)
    some = draw(st.sets(st.sampled_from(sorted(fields)))) if kind == "UPDATE" else set(fields)
    body = {} if kind == "DELETE" else {field: draw(fields[field]) for field in sorted(some)}
    if kind in ("CREATE", "UNDELETE"):
        body = {key: value for key, value in body.items() if value is not None}
        body |= {
            "CreatedDate": stamp(0),
            "CreatedById": USER,
            "LastModifiedDate": stamp(second),
            "LastModifiedById": USER,
        }
    header = {
        "entityName": name,
        "recordIds": [draw(st.sampled_from(ids))],
        "changeType": kind,
        "commitTimestamp": BASE_MS + 1_000 * second,
        "commitNumber": number + 1,
        "sequenceNumber": 1,
        "commitUser": USER,
    }
    if kind == "UPDATE":
        body = {"LastModifiedDate": stamp(second), **body}
    return {"event": {"replayId": number + 1}, "payload": {"ChangeEventHeader": header, **body}}


@pytest.fixture(scope="module")
def new_road(model: CompiledModel, s3_address: S3Address) -> Iterator[Callable[[], Road]]:
    warehouse, store = PostgresWarehouse(model.dsn), ObjectStore(s3_address)
    yield lambda: Road(store, warehouse, CATALOGUE)
    warehouse.close()


MANY = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@MANY
@given(deliveries=histories())
async def test_going_on_gives_what_a_build_from_nothing_gives(
    model: CompiledModel, new_road: Callable[[], Road], deliveries: Sequence[list[dict[str, Any]]]
) -> None:
    model.empty()
    road = new_road()
    for events in deliveries:
        if events:
            await road.send(events)
        model.build()
        check_versions(model)
    went_on = model.contents()
    model.build(full=True)
    assert went_on == model.contents()


@MANY
@given(deliveries=histories(), turns=st.lists(st.integers(0, 99), min_size=5, max_size=5))
async def test_facts_find_their_dimensions_when_changes_arrive_in_the_middle_of_a_build(
    model: CompiledModel,
    new_road: Callable[[], Road],
    deliveries: Sequence[list[dict[str, Any]]],
    turns: Sequence[int],
) -> None:
    model.empty()
    road = new_road()
    for events, turn in zip(deliveries, turns, strict=False):
        for place, _ in enumerate(model.steps()):
            if events and place == turn % len(model.tables):
                await road.send(events)
        check_keys(model)
    model.build()
    went_on = model.contents()
    model.build(full=True)
    assert went_on == model.contents()


def check_keys(model: CompiledModel) -> None:
    """Each key of a fact is that of a row of its dimension."""
    for fact, column, dimension in model.relations():
        ((lost,),) = model.rows(
            f"select count(*) from model.{fact} where {column} not in "
            f"(select {dimension.removeprefix('dim_')}_key from model.{dimension})"
        )
        assert lost == 0, (fact, column)


def check_versions(model: CompiledModel) -> None:
    """Each fact's account is the one that an oracle over the history names."""
    versions: dict[str, list[tuple[str, datetime]]] = {}
    for record, order, began in model.rows(
        "select record_id, change_order, valid_from from curated.account_history order by record_id, change_order"
    ):
        versions.setdefault(record, []).append((order, began))
    facts = {
        ("fact_case", "case", "account_id", "opened_at"),
        ("fact_case_event", "case", "account_id", "changed_at"),
        ("fact_service_request", "service_request", "account", "requested_at"),
        ("fact_payment", "payment", "account", "due_at"),
    }
    for fact, table, column, moment in facts:
        for key, account, at in model.rows(
            f"select f.account_key, s.{column}, f.{moment} from model.{fact} f "
            f"join curated.{table}_current s on s.record_id = f.record_id"
        ):
            assert key == expected_key(account, at, versions), (fact, account, at)


def expected_key(account: str | None, at: datetime, versions: dict[str, list[tuple[str, datetime]]]) -> str:
    """The key of the last version in order that had begun; the first one stands for all time
    before it.
    """
    if account is None:
        return NONE
    known = versions.get(account, [])
    if not known:
        return UNKNOWN
    found, latest = known[0][0], known[0][1]
    for order, began in known[1:]:
        latest = max(latest, began)
        if latest <= at:
            found = order
    return hashlib.md5(f"Account|{account}|{found}".encode()).hexdigest()
