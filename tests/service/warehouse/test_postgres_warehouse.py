"""The PostgreSQL adapter against a real server: tables that only grow, one applier an object, texts
to the character.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import TABLES_OF_OPS, tables_of
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from schemas.catalogue import Catalogue, default_catalogue
from schemas.errors import CredentialsRejectedError, SettingsError, StatementError, UnavailableError
from schemas.tables import Column, Kind, arrow_schema

pytestmark = pytest.mark.service

TEXT = (Column("place", Kind.INTEGER), Column("value", Kind.TEXT))


def catalogue(*fields: str) -> Catalogue:
    """One object with a text field of each name."""
    entry = {
        "label": "Things",
        "key_prefix": "a0x",
        "history": True,
        "fields": {name: {"type": "string"} for name in fields},
    }
    return Catalogue.model_validate({"objects": {"Thing__c": entry}})


def fetch(warehouse: PostgresWarehouse, query: str, *parameters: object) -> list[tuple]:
    with warehouse.transaction() as transaction:
        return transaction.fetch(query, parameters)


def columns(warehouse: PostgresWarehouse, table: str) -> set[str]:
    query = "SELECT column_name FROM information_schema.columns WHERE table_schema || '.' || table_name = %s"
    return {row[0] for row in fetch(warehouse, query, table)}


def test_tables_are_made_once(warehouse: PostgresWarehouse):
    made = warehouse.ensure_tables(catalogue("Name"))
    assert set(made) == {*tables_of(catalogue("Name").object("Thing__c")), *TABLES_OF_OPS}
    assert warehouse.ensure_tables(catalogue("Name")) == []


def test_a_new_field_becomes_a_column_of_every_table(warehouse: PostgresWarehouse):
    warehouse.ensure_tables(catalogue("Name"))
    tables = tables_of(catalogue("Name").object("Thing__c"))
    assert set(warehouse.ensure_tables(catalogue("Name", "Color__c"))) == {
        f"{table}.color" for table in tables
    }


def test_a_field_that_is_gone_keeps_its_column_and_its_values(warehouse: PostgresWarehouse):
    warehouse.ensure_tables(catalogue("Name", "Color__c"))
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO curated.thing_current (record_id, color, is_deleted, is_complete, version, "
            "last_change_order, changed_at, applied_at, batch) VALUES ('a0x1', 'red', false, true, 1, '', now(), now(), '')"
        )
    assert warehouse.ensure_tables(catalogue("Name")) == []
    assert fetch(warehouse, "SELECT color FROM curated.thing_current") == [("red",)]


def test_a_column_that_somebody_added_by_hand_stays(warehouse: PostgresWarehouse):
    warehouse.ensure_tables(catalogue("Name"))
    with warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE curated.thing_current ADD COLUMN remark TEXT")
    assert warehouse.ensure_tables(catalogue("Name")) == []
    assert "remark" in columns(warehouse, "curated.thing_current")


def test_processes_that_start_at_once_make_every_table_once(database: str):
    def start(number: int) -> list[str]:
        opened = PostgresWarehouse(database)
        try:
            barrier.wait()
            return opened.ensure_tables(catalogue("Name"))
        finally:
            opened.close()

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(start, range(4)))
    every = {*tables_of(catalogue("Name").object("Thing__c")), *TABLES_OF_OPS}
    assert sorted(map(len, made)) == [0, 0, 0, len(every)]
    assert {table for each in made for table in each} == every


def entered_within(seconds: float, warehouse: PostgresWarehouse, table: str) -> bool:
    """Whether another applier gets the object's lock within a time."""
    entered = threading.Event()

    def enter() -> None:
        with warehouse.transaction() as transaction:
            transaction.lock_object(table)
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    result = entered.wait(seconds)
    _waiting.append(waiting)
    return result


_waiting: list[threading.Thread] = []


def test_the_lock_keeps_a_second_applier_of_the_object_out(warehouse: PostgresWarehouse):
    with warehouse.transaction() as transaction:
        transaction.lock_object("case")
        assert not entered_within(0.2, warehouse, "case")
    _waiting.pop().join(5)


def test_the_lock_lets_an_applier_of_another_object_in(warehouse: PostgresWarehouse):
    with warehouse.transaction() as transaction:
        transaction.lock_object("case")
        assert entered_within(5, warehouse, "account")
    _waiting.pop().join(5)


def test_the_lock_ends_with_a_failed_transaction(warehouse: PostgresWarehouse):
    def fail() -> None:
        with warehouse.transaction() as transaction:
            transaction.lock_object("case")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert entered_within(5, warehouse, "case")
    _waiting.pop().join(5)


ODD_TEXTS = [
    "",
    None,
    " ",
    '"',
    '""',
    "say \"x\", 'y'",
    "a,b",
    "line\nline",
    "line\r\nline",
    "\r",
    "\n",
    "\\",
    "\\.",
    "\\N",
    "before\n\\.\nafter",
    "NULL",
    "tab\there",
    "üñï 漢字 👩‍👩‍👧",
    "\u2028\u0085\ufeff",
    "\x01\x1f\x7f",
    "%s {} $1",
    "x" * 200_000,
]


def odd_rows() -> pa.Table:
    numbered = [{"place": place, "value": text} for place, text in enumerate(ODD_TEXTS)]
    return pa.Table.from_pylist(numbered, schema=arrow_schema(TEXT))


def test_a_loaded_text_is_kept_to_the_character(warehouse: PostgresWarehouse):
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.odd (place BIGINT, value TEXT)")
        transaction.load("public.odd", TEXT, odd_rows())
    found = fetch(warehouse, "SELECT value FROM public.odd ORDER BY place")
    assert [row[0] for row in found] == ODD_TEXTS


def test_a_staged_text_is_kept_to_the_character(warehouse: PostgresWarehouse):
    with warehouse.transaction() as transaction:
        transaction.stage("odd", TEXT, odd_rows())
        found = transaction.fetch("SELECT value FROM odd ORDER BY place")
    assert [row[0] for row in found] == ODD_TEXTS


def test_a_single_column_of_odd_texts_is_kept_to_the_character(warehouse: PostgresWarehouse):
    """One column has no commas around it: an empty line, or a line that ends a COPY, must not be
    taken for itself.
    """
    texts = sorted(text for text in ODD_TEXTS if text is not None)
    only = (TEXT[1],)
    with warehouse.transaction() as transaction:
        transaction.stage("odd", only, pa.table({"value": texts}, schema=arrow_schema(only)))
        found = transaction.fetch("SELECT value FROM odd")
    assert sorted(row[0] for row in found) == texts


def test_every_kind_of_value_is_kept(warehouse: PostgresWarehouse):
    kinds: list[tuple[Kind, Sequence[object]]] = [
        (Kind.BOOLEAN, [True, False, None]),
        (Kind.INTEGER, [2**63 - 1, -(2**63), None]),
        (Kind.DOUBLE, [0.1 + 0.2, -1.7976931348623157e308, None]),
        (Kind.DECIMAL, [Decimal("9999999999999999.99"), Decimal("-0.01"), None]),
        (Kind.DATE, [date(1, 1, 1), date(9999, 12, 31), None]),
        (
            Kind.TIMESTAMP,
            [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, 0, 999_000, UTC), None],
        ),
    ]
    made = [Column(kind.value + "_value", kind, scale=2) for kind, _ in kinds]
    rows = pa.table([pa.array(values, column.arrow) for (_, values), column in zip(kinds, made, strict=True)],
                    schema=arrow_schema(made))  # fmt: skip
    with warehouse.transaction() as transaction:
        transaction.stage("kinds", made, rows)
        found = transaction.fetch("SELECT * FROM kinds")
    assert sorted(found, key=repr_of_first) == sorted(
        zip(*(v for _, v in kinds), strict=True), key=repr_of_first
    )


def repr_of_first(row: Sequence[object]) -> str:
    return repr(row[0])


def test_a_staged_table_is_replaced_by_the_next_of_its_name(warehouse: PostgresWarehouse):
    for values in (["a", "b"], ["c"]):
        with warehouse.transaction() as transaction:
            rows = pa.table({"value": values}, schema=arrow_schema(TEXT[1:]))
            transaction.stage("again", TEXT[1:], rows)
            assert [row[0] for row in transaction.fetch("SELECT value FROM again")] == values


def test_a_staged_table_of_a_failed_transaction_does_not_hinder_the_next(warehouse: PostgresWarehouse):
    rows = pa.table({"value": ["a"]}, schema=arrow_schema(TEXT[1:]))

    def fail() -> None:
        with warehouse.transaction() as transaction:
            transaction.stage("again", TEXT[1:], rows)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with warehouse.transaction() as transaction:
        transaction.stage("again", TEXT[1:], rows)
        assert transaction.fetch("SELECT value FROM again") == [("a",)]


def test_a_connection_that_was_ended_is_not_used_again(warehouse: PostgresWarehouse):
    def end_it() -> None:
        with warehouse.transaction() as transaction:
            transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(UnavailableError):
        end_it()
    assert fetch(warehouse, "SELECT 1") == [(1,)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, database: str) -> Iterator[PostgresWarehouse]:
    """Its server ends a session that is silent in a transaction after a second."""
    monkeypatch.setattr("clients.database.engine.IDLE_SECONDS", 1)
    opened = PostgresWarehouse(database)
    yield opened
    opened.close()


def test_an_applier_that_is_frozen_with_the_lock_lets_the_next_one_in(impatient: PostgresWarehouse):
    def freeze() -> None:
        with impatient.transaction() as frozen:
            frozen.lock_object("case")
            with impatient.transaction() as other:
                other.lock_object("case")
            frozen.execute("CREATE TABLE public.late (place INTEGER)")

    with pytest.raises(UnavailableError):
        freeze()
    assert fetch(impatient, "SELECT to_regclass('public.late')::TEXT") == [(None,)]


def test_a_connection_that_was_idle_for_long_is_made_anew(
    impatient: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
):
    (first,) = fetch(impatient, "SELECT pg_backend_pid()")
    assert fetch(impatient, "SELECT pg_backend_pid()") == [first]
    time.sleep(1.5)  # meanwhile the server ends it
    assert fetch(impatient, "SELECT pg_backend_pid()") != [first]


def test_an_unreachable_server_is_said_to_be_tried_again():
    nobody = PostgresWarehouse(f"postgresql://postgres@127.0.0.1:{free_port()}/none")
    with pytest.raises(UnavailableError, match=r"PostgreSQL is unavailable.*tried again by itself"):
        fetch(nobody, "SELECT 1")


@pytest.fixture
def with_password(
    database: str, postgres_port: int, parts: ProcessGroup
) -> Iterator[Callable[[str], PostgresWarehouse]]:
    """Opens the database as a user who has a password; the server asks for it."""
    opened: list[PostgresWarehouse] = []
    hba = parts.folder / "postgres" / "pg_hba.conf"
    before = hba.read_text()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guarded")
        connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        hba.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")

        def connect(password: str) -> PostgresWarehouse:
            name = database.rpartition("/")[2]
            opened.append(
                PostgresWarehouse(f"postgresql://guarded:{password}@127.0.0.1:{postgres_port}/{name}")
            )
            return opened[-1]

        yield connect
        for each in opened:
            each.close()
        hba.write_text(before)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE guarded")


def test_a_wrong_password_names_the_setting_and_not_the_password(with_password):
    with pytest.raises(CredentialsRejectedError, match="Check TIDEGATE_WAREHOUSE__DSN") as refused:
        fetch(with_password("wrong-secret"), "SELECT 1")
    assert "wrong-secret" not in str(refused.value)
    assert fetch(with_password("right"), "SELECT 1") == [(1,)]


def test_a_missing_right_is_not_tried_again(with_password, warehouse: PostgresWarehouse):
    warehouse.ensure_tables(catalogue("Name"))
    with pytest.raises(StatementError, match="permission denied"):
        fetch(with_password("right"), "SELECT * FROM curated.thing_current")


def test_a_refused_row_is_not_in_the_error(warehouse: PostgresWarehouse):
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.strict (value TEXT CHECK (length(value) < 3))")
    rows = pa.table({"value": ["a long text"]}, schema=arrow_schema(TEXT[1:]))

    def load() -> None:
        with warehouse.transaction() as transaction:
            transaction.load("public.strict", TEXT[1:], rows)

    with pytest.raises(StatementError) as refused:
        load()
    assert "a long text" not in str(refused.value)


def test_a_field_whose_type_changed_is_refused_before_anything_is_loaded(warehouse: PostgresWarehouse):
    """A binary COPY does not look at types: eight letters in a BIGINT column would become a
    number.
    """
    before = catalogue("Name", "Color__c")
    warehouse.ensure_tables(before)
    changed = before.model_dump()
    changed["objects"]["Thing__c"]["fields"]["Color__c"]["type"] = "int"
    with pytest.raises(SettingsError, match="color as text, the catalogue makes it bigint"):
        warehouse.ensure_tables(Catalogue.model_validate(changed))


def test_the_tables_of_the_shipped_catalogue_are_found_as_they_were_made(warehouse: PostgresWarehouse):
    warehouse.ensure_tables(default_catalogue())
    assert warehouse.ensure_tables(default_catalogue()) == []
