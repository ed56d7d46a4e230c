"""Accepted writebacks are in the store, each key once, whichever callers send it at the same time,
and no personal value is stored in plaintext.
"""

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from clients.warehouse.postgres import PostgresWarehouse
from clients.writeback.intake import WritebackIntake
from clients.writeback.parent_locks import ParentLookup
from clients.writeback.queries import StateCount, WritebackFilter, WritebackQueries
from schemas.catalogue import default_catalogue
from schemas.errors import UnavailableError
from schemas.tables import arrow_schema, current_columns
from schemas.writeback.messages import DEADLINE, MOST_OF_A_REQUEST, Intake, WritebackState
from tests.support.builders.bus import protector
from tests.support.builders.writebacks import asked, checks

pytestmark = pytest.mark.service

SECRET = "Zq7Personal"
CLEAR = "Zq7Harmless"
ACCOUNT, OTHER = "001Tg0000000001IAA", "001Tg0000000002IAA"
CASE = "500Tg0000000001IAA"


@pytest.fixture
def intake(database: str) -> Iterator[WritebackIntake]:
    opened = WritebackIntake(database, checks)
    yield opened
    opened.close()


@pytest.fixture
def looks(database: str) -> Iterator[WritebackQueries]:
    opened = WritebackQueries(database)
    yield opened
    opened.close()


def numbered(*numbers: int, **changed: Any) -> list[dict[str, Any]]:
    """Writebacks with keys and external ids of their own."""
    return [asked(key=f"k-{n}", external_id=f"C-{n}", **changed) for n in numbers]


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def test_what_is_accepted_is_in_the_store_as_it_was_asked(
    intake: WritebackIntake, looks: WritebackQueries
) -> None:
    before = datetime.now(UTC)
    asked_for = asked(
        fields={
            "Subject": "A roof",
            "Priority": None,
            "SlaHours__c": 1.5,
            "Account": {"ExternalId__c": "A-1"},
        },
        priority=2,
        mode="merged",
        may_create=False,
        only_if={"Status": "New"},
        unchanged_since="2026-11-25T10:00:00Z",
    )
    [accepted] = intake.submit("billing", [asked_for]).accepted
    found = looks.one(accepted.number)
    assert found is not None
    for name in ("object", "external_id", "key", "fields", "priority", "mode", "may_create", "only_if"):
        assert found[name] == asked_for[name], name
    assert found["caller"] == "billing"
    assert (found["key_field"], found["state"], found["attempts"]) == ("ExternalId__c", "waiting", 0)
    assert found["parents"] == ["Account.ExternalId__c=a-1"]
    assert found["unchanged_since"] == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert before <= found["accepted_at"] == found["not_before"] <= datetime.now(UTC)
    assert found["deadline"] == found["accepted_at"] + DEADLINE
    assert (accepted.index, accepted.key, accepted.is_new) == (0, "k-1", True)


def test_the_good_ones_of_a_request_go_on_and_the_others_are_named(
    intake: WritebackIntake, looks: WritebackQueries
) -> None:
    bad = asked(key="bad", fields={"Nope__c": 1})
    answer = intake.submit("a", [*numbered(1), bad, "no writeback", *numbered(2)])
    assert [(each.index, each.key) for each in answer.accepted] == [(0, "k-1"), (3, "k-2")]
    assert [(each.index, each.key) for each in answer.refused] == [(1, "bad"), (2, "")]
    assert looks.counts() == [StateCount("Case", "waiting", 2)]


def test_the_same_key_with_the_same_content_is_the_same_writeback(intake: WritebackIntake) -> None:
    first = intake.submit("a", numbered(1, 2))
    again = intake.submit("a", numbered(2, 3, 1))
    numbers = {each.key: each.number for each in first.accepted}
    assert [(each.key, each.is_new) for each in again.accepted] == [
        ("k-2", False),
        ("k-3", True),
        ("k-1", False),
    ]
    assert {each.key: each.number for each in again.accepted} | numbers == {
        each.key: each.number for each in again.accepted
    }


def test_the_same_key_with_other_content_is_refused_and_says_which_writeback_it_is(
    intake: WritebackIntake,
) -> None:
    [first] = intake.submit("a", numbered(1)).accepted
    answer = intake.submit("a", [*numbered(1, fields={"Subject": "another"}), *numbered(2)])
    [refused] = answer.refused
    assert (refused.index, refused.key, refused.field) == (0, "k-1", "key")
    assert f"which is writeback {first.number}." in refused.message
    assert [each.key for each in answer.accepted] == ["k-2"]


def test_a_key_belongs_to_the_caller_who_made_it_up(intake: WritebackIntake) -> None:
    numbers = {intake.submit(caller, numbered(1)).accepted[0].number for caller in ("a", "b")}
    assert len(numbers) == 2


def test_one_key_twice_in_one_request_is_one_writeback_or_a_refusal(intake: WritebackIntake) -> None:
    answer = intake.submit("a", [*numbered(1), *numbered(1), *numbered(1, fields={"Subject": "another"})])
    assert [each.is_new for each in answer.accepted] == [True, False]
    assert len({each.number for each in answer.accepted}) == 1
    assert [(each.index, each.field) for each in answer.refused] == [(2, "key")]


def test_what_was_accepted_stays_accepted_when_it_is_sent_again_after_its_deadline(database: str) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    moments = itertools.chain([now], itertools.repeat(now + timedelta(hours=2)))
    intake = WritebackIntake(database, checks, clock=lambda: next(moments))
    due = {"deadline": "2026-11-25T13:00:00Z"}
    [first] = intake.submit("a", numbered(1, **due)).accepted
    late = intake.submit("a", numbered(1, 2, **due))
    intake.close()
    assert [(each.number, each.is_new) for each in late.accepted] == [(first.number, False)]
    assert [(each.key, each.field) for each in late.refused] == [("k-2", "deadline")]


def test_numbers_follow_the_order_of_the_request(intake: WritebackIntake) -> None:
    shuffled = [f"k-{n * 7919 % 500}" for n in range(500)]
    answer = intake.submit("a", [asked(key=key) for key in shuffled])
    numbers = [each.number for each in answer.accepted]
    assert [each.key for each in answer.accepted] == shuffled
    assert numbers == sorted(numbers)


def test_the_same_keys_from_several_callers_at_once_are_accepted_once_each(
    database: str, looks: WritebackQueries
) -> None:
    opened = [WritebackIntake(database, checks) for _ in range(4)]

    def send(place: int) -> list[Intake]:
        mine = numbered(*range(100))
        # In another order each: rows that wait for one another in a ring would be a deadlock.
        turned = mine[25 * place :] + mine[: 25 * place]
        return [opened[place].submit("a", turned[n : n + 50]) for n in (0, 50)]

    with ThreadPoolExecutor(4) as pool:
        answers = [each for answers in pool.map(send, range(4)) for each in answers]
    for each in opened:
        each.close()
    accepted = [each for answer in answers for each in answer.accepted]
    assert [each for answer in answers for each in answer.refused] == []
    assert sorted(each.key for each in accepted if each.is_new) == sorted(f"k-{n}" for n in range(100))
    assert len({(each.key, each.number) for each in accepted}) == 100
    assert looks.counts() == [StateCount("Case", "waiting", 100)]


def test_the_same_key_with_several_contents_at_once_is_one_of_them(
    database: str, looks: WritebackQueries
) -> None:
    intake = WritebackIntake(database, checks)

    def send(place: int) -> Intake:
        return intake.submit("a", numbered(1, fields={"Subject": f"content {place}"}))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    intake.close()
    won = [each for answer in answers for each in answer.accepted]
    assert [each.is_new for each in won] == [True]
    assert sum(len(answer.refused) for answer in answers) == 3
    found = looks.one(won[0].number)
    assert found is not None
    assert found["fields"]["Subject"].startswith("content ")


def test_nothing_personal_lies_in_the_store_in_clear(database: str, intake: WritebackIntake) -> None:
    contact = {
        "LastName": f"{SECRET}-last", "Email": f"{SECRET}@example.org", "NationalId__c": f"{SECRET}-id",
        "MailingStreet": f"{SECRET}-street", "Birthdate": "1970-01-02", "Title": CLEAR,
    }  # fmt: skip
    items = [
        asked(object="Contact", fields=contact, only_if={"Phone": f"{SECRET}-phone", "Title": CLEAR}),
        asked(key="k-2", fields={"SuppliedName": SECRET}),
        asked(key="k-3", fields={"SuppliedEmail": SECRET}),
        asked(key="k-4", object="Contact", fields={"Unknown__c": SECRET, "Birthdate": f"{SECRET}"}),
    ]
    answer = intake.submit("a", items)
    assert len(answer.accepted) == 2
    assert SECRET not in answer.model_dump_json()
    tables = rows(database, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    kept = "\n".join(
        str(row)
        for (table,) in tables
        for row in rows(database, f'SELECT CAST(t AS text) FROM "{table}" AS t')
    )
    assert CLEAR in kept
    assert (SECRET in kept, "1970-01-02" in kept) == (False, False)
    [(fields,)] = rows(database, "SELECT fields FROM writeback WHERE object = 'Contact'")
    assert protector().decrypt_writeback("Contact.Email", fields["Email"]) == contact["Email"]


def test_ten_thousand_are_accepted_in_one_request(intake: WritebackIntake, looks: WritebackQueries) -> None:
    many = numbered(
        *range(MOST_OF_A_REQUEST), fields={"Subject": "A roof", "SuppliedName": "Ada", "TouchCount__c": 3}
    )
    answer = intake.submit("a", many)
    assert len(answer.accepted) == MOST_OF_A_REQUEST
    assert looks.counts() == [StateCount("Case", "waiting", MOST_OF_A_REQUEST)]


def test_without_a_store_nothing_is_accepted() -> None:
    intake = WritebackIntake("postgresql://nobody@127.0.0.1:1/none", checks)
    with pytest.raises(UnavailableError, match="operational store"):
        intake.submit("a", [asked()])
    intake.close()


def load_current(warehouse: PostgresWarehouse, name: str, *records: dict[str, Any]) -> None:
    """Rows of `curated.<object>_current`."""
    spec = default_catalogue().objects[name]
    now = datetime(2026, 11, 25, tzinfo=UTC)
    fixed = {"is_deleted": False, "is_complete": True, "version": 1, "last_change_order": "0", "batch": "l/0"}
    columns = current_columns(spec)
    made = pa.Table.from_pylist(
        [{**fixed, "changed_at": now, "applied_at": now, **each} for each in records],
        schema=arrow_schema(columns),
    )
    with warehouse.transaction() as transaction:
        transaction.load(f"curated.{spec.table}_current", columns, made)


def test_the_warehouse_adds_the_parents_that_a_writeback_does_not_name(
    database: str, warehouse: PostgresWarehouse, looks: WritebackQueries
) -> None:
    warehouse.ensure_tables(default_catalogue())
    load_current(warehouse, "Account", {"record_id": ACCOUNT, "external_id": "A-1"})
    owner = "005Tg0000000001IAA"
    case = {"record_id": CASE, "external_id": "C-1", "account_id": OTHER, "owner_id": owner}
    gone = {"record_id": "500Tg0000000002IAA", "external_id": "C-3", "account_id": OTHER, "is_deleted": True}
    load_current(warehouse, "Case", case, gone)
    parents = ParentLookup(warehouse, default_catalogue())
    intake = WritebackIntake(database, checks, parents.locks)
    by_key = {"Account": {"ExternalId__c": "A-1"}}
    intake.submit(
        "a",
        [
            *numbered(1),
            *numbered(2, fields=by_key),
            *numbered(3),
            *numbered(4, fields={"Account": {"ExternalId__c": "A-2"}}),
            asked(key="moved", external_id="C-1", fields=by_key),
        ],
    )
    locks = {row["key"]: row["parents"] for row in looks.page(WritebackFilter(), 10)}
    intake.close()
    parents.close()
    assert locks == {
        "k-1": [OTHER, CASE],
        "k-2": [ACCOUNT, "Account.ExternalId__c=a-1"],
        "k-3": [],
        "k-4": ["Account.ExternalId__c=a-2"],
        "moved": [ACCOUNT, OTHER, CASE, "Account.ExternalId__c=a-1"],
    }


def test_without_a_warehouse_writebacks_are_accepted_all_the_same(database: str) -> None:
    nowhere = PostgresWarehouse("postgresql://nobody@127.0.0.1:1/none")
    parents = ParentLookup(nowhere, default_catalogue())
    intake = WritebackIntake(database, checks, parents.locks)
    assert len(intake.submit("a", numbered(1, 2)).accepted) == 2
    assert len(intake.submit("a", numbered(3)).accepted) == 1
    intake.close()
    parents.close()


def test_a_lookup_that_the_warehouse_refuses_is_an_error_in_the_log(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    empty = PostgresWarehouse(database)  # without the tables of the warehouse
    parents = ParentLookup(empty, default_catalogue())
    intake = WritebackIntake(database, checks, parents.locks)
    assert len(intake.submit("a", numbered(1)).accepted) == 1
    intake.close()
    parents.close()
    empty.close()
    [told] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "The warehouse refuses to name the parents" in told.getMessage()


def test_writebacks_are_looked_at_by_number_key_and_filter(
    database: str, intake: WritebackIntake, looks: WritebackQueries
) -> None:
    intake.submit("a", numbered(1, 2, 3))
    intake.submit("b", [asked(object="Contact", fields={"Title": "Dr"})])
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE writeback SET state = 'dead', batch = 'x' WHERE key IN ('k-2', 'k-3')")
    newest = looks.page(WritebackFilter(caller="a"), 2)
    assert [row["key"] for row in newest] == ["k-3", "k-2"]
    older = looks.page(WritebackFilter(caller="a"), 2, before=newest[-1]["number"])
    assert [row["key"] for row in older] == ["k-1"]
    assert [row["key"] for row in looks.dead_letters(9)] == ["k-2", "k-3"]
    assert looks.dead_letters(9, object_name="Contact") == []
    assert [row["caller"] for row in looks.page(WritebackFilter(object="Contact"), 9)] == ["b"]
    assert len(looks.page(WritebackFilter(batch="x", state=WritebackState.DEAD), 9)) == 2
    found = looks.of_key("a", "k-1")
    assert found is not None
    assert looks.one(found["number"]) == found
    assert (looks.one(10**9), looks.of_key("b", "k-3"), looks.attempts(found["number"])) == (None, None, [])
    assert looks.counts(caller="a") == [StateCount("Case", "dead", 2), StateCount("Case", "waiting", 1)]


async def test_a_store_is_made_once_by_several_that_come_first(database: str) -> None:
    opened = [WritebackIntake(database, checks) for _ in range(3)]
    answers = await asyncio.gather(
        *(asyncio.to_thread(each.submit, str(place), numbered(1)) for place, each in enumerate(opened))
    )
    for each in opened:
        each.close()
    assert [len(each.accepted) for each in answers] == [1, 1, 1]
