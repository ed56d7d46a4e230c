"""Errors of the warehouse: which pass, for how long an unknown one is tried again, and what to
do.
"""

import psycopg
import pytest

from clients.warehouse import psycopg_errors
from clients.warehouse.psycopg_errors import MOST_SECONDS, translated_psycopg
from schemas.errors import CredentialsRejectedError, StatementError, UnavailableError


class Clock:
    """Stands for the clock of the process."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(psycopg_errors, "time", made)
    monkeypatch.setattr(psycopg_errors, "_first_seen", {})
    return made


def outcome(told: str) -> str:
    try:
        with translated_psycopg("Redshift"):
            raise psycopg.errors.InternalError_(told)
    except (UnavailableError, StatementError) as error:
        return type(error).__name__


def test_an_unknown_fault_is_tried_again_for_a_quarter_of_an_hour(clock: Clock) -> None:
    found = [outcome("Node 3 is lost")]
    for minute in range(1, 20):
        clock.now += 60
        found.append(outcome(f"Node {minute} is lost"))
    minutes = round(MOST_SECONDS / 60)
    assert found == ["UnavailableError"] * minutes + ["StatementError"] * (20 - minutes)


def test_a_fault_that_comes_back_after_a_pause_is_another_one(clock: Clock) -> None:
    assert outcome("Node 3 is lost") == "UnavailableError"
    clock.now += MOST_SECONDS + 1
    assert outcome("Node 3 is lost") == "UnavailableError"


def test_two_faults_have_a_time_each(clock: Clock) -> None:
    for _ in range(16):
        outcome("Node 3 is lost")
        clock.now += 60
    assert outcome("Node 3 is lost") == "StatementError"
    assert outcome("S3 SlowDown") == "UnavailableError"


def test_a_password_that_libpq_cannot_prove_names_the_way_out() -> None:
    told = "connection failed: authentication method 13 not supported"
    with (
        pytest.raises(CredentialsRejectedError, match="TIDEGATE_WAREHOUSE__AUTH=iam"),
        translated_psycopg("Redshift"),
    ):
        raise psycopg.OperationalError(told)
