"""`tidegate warehouse verify` asks a real PostgreSQL: the contract holds, and nothing is left."""

from contextlib import closing
from typing import Any

import psycopg
import pytest

from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.postgres import PostgresWarehouse
from schemas.settings.services import S3Settings, WarehouseSettings
from tests.support.builders.s3_settings import s3_settings
from tests.support.builders.unreachable_settings import unreachable_settings
from workers.settings import Settings
from workers.warehouse_verify.answers import Answer, Verdict, answered
from workers.warehouse_verify.contract import Contract
from workers.warehouse_verify.run import verify


@pytest.fixture
def settings(database: str, s3_address: S3Address) -> Settings:
    nowhere = unreachable_settings("00D0000000000VERAA")
    groups = {
        "warehouse": WarehouseSettings.model_validate({"dsn": database}),
        "s3": S3Settings.model_validate(s3_settings(s3_address)),
    }
    return nowhere.model_copy(update=groups)


def test_everything_holds_on_postgresql_and_nothing_is_left(
    settings: Settings, database: str, store: ObjectStore
) -> None:
    answers = verify(settings)
    assert [each for each in answers if each.verdict is Verdict.FAILED] == []
    assert len({each.name for each in answers}) == len(answers) > 15
    with psycopg.connect(database) as connection:
        query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'verify%'"
        assert connection.execute(query).fetchall() == []
    assert [key for key in store.keys("load/") if "verify_" in key] == []


class Forgetful(PostgresWarehouse):
    """A warehouse without locks."""

    def transaction(self) -> Any:
        opened = super().transaction()

        class Unlocked:
            def __enter__(self) -> Transaction:
                transaction: Any = opened.__enter__()
                transaction.lock_object = lambda _: None
                return transaction

            def __exit__(self, *error: Any) -> Any:
                return opened.__exit__(*error)

        return Unlocked()


def test_a_warehouse_without_locks_is_found(database: str, store: ObjectStore) -> None:
    with closing(Forgetful(database)) as warehouse:
        contract = Contract(warehouse, store, "load/verify_forgetful_")
        answers = {each.name: each for each in contract.ask()}
        contract.clean()
    assert [name for name, each in answers.items() if each.verdict is Verdict.FAILED] == [
        "one applier an object"
    ]
    assert "the order was" in answers["one applier an object"].told


def test_every_kind_of_warehouse_keeps_the_contract(any_warehouse: Warehouse, store: ObjectStore) -> None:
    contract = Contract(any_warehouse, store, "load/verify_every_")
    answers = contract.ask()
    contract.clean()
    *needed, unloaded = answers
    assert [each for each in needed if each.verdict is not Verdict.HELD] == []
    assert unloaded.told.startswith(("every kind of value in", "this warehouse has no UNLOAD"))


def test_an_answer_that_nothing_relies_on_never_fails() -> None:
    def ask() -> str:
        raise psycopg.errors.SyntaxError("no such word")

    assert answered("MERGE", ask, is_needed=False) == Answer(
        "MERGE", Verdict.TOLD, "SyntaxError 42601: no such word"
    )
    assert answered("MERGE", ask).verdict is Verdict.FAILED
