"""Several processes make the same objects of Redshift. A connection that answers in turn stands for
the cluster, whose answers no lock keeps in order.
"""

import time
from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from clients.warehouse.redshift_making import (
    MOST_ATTEMPTS,
    make_view_with_others,
    make_with_others,
)

TABLE = "CREATE TABLE IF NOT EXISTS ops.ledger (batch VARCHAR(80))"
VIEW = "CREATE OR REPLACE VIEW ops.scores AS SELECT 1 AS one"
CONFLICT = psycopg.errors.InternalError_("could not complete because of conflict with concurrent transaction")
UPDATED = psycopg.errors.InternalError_("tuple concurrently updated")
THERE = psycopg.errors.UniqueViolation("duplicate key violates unique constraint pg_class_relname_nsp_index")


class TurnedConnection:
    """Raises one error after the other for statements that make something, then takes them."""

    def __init__(self, errors: Iterable[psycopg.Error]) -> None:
        self.errors = list(errors)
        self.made: list[str] = []

    def execute(self, statement: bytes | str, *_: object) -> Any:
        if isinstance(statement, bytes):
            if self.errors:
                raise self.errors.pop(0)
            self.made.append(statement.decode())
        return self

    def fetchone(self) -> tuple[bool]:
        return (True,)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def made(*errors: psycopg.Error) -> tuple[bool, list[str]]:
    connection = TurnedConnection(errors)
    has_made = make_with_others(connection, TABLE, "the table ops.ledger")  # type: ignore[arg-type]
    return has_made, connection.made


def test_a_lost_conflict_is_tried_again(pauses: list[float]) -> None:
    assert made(CONFLICT, UPDATED) == (True, [TABLE])
    assert pauses == [0.5, 1.0]


def test_a_table_that_another_one_has_made_is_left() -> None:
    assert made(THERE) == (False, [])
    assert made(CONFLICT, psycopg.errors.DuplicateTable("Relation ledger already exists")) == (False, [])


def test_a_conflict_that_does_not_pass_is_raised(pauses: list[float]) -> None:
    with pytest.raises(psycopg.InternalError, match="conflict with concurrent"):
        made(*[CONFLICT] * MOST_ATTEMPTS)
    assert len(pauses) == MOST_ATTEMPTS - 1


def test_another_internal_error_is_raised_at_once(pauses: list[float]) -> None:
    with pytest.raises(psycopg.InternalError, match="node 3"):
        made(psycopg.errors.InternalError_("node 3 is lost"))
    assert pauses == []


def test_a_view_that_another_one_has_just_made_is_made_once_more() -> None:
    for error in (THERE, psycopg.errors.DuplicateObject("type scores already exists"), CONFLICT):
        connection = TurnedConnection([error])
        make_view_with_others(connection, "ops.scores", VIEW)  # type: ignore[arg-type]
        assert connection.made == [VIEW]
