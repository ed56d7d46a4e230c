"""The names that doctor gives: each is listed, explained, and given by some check."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlglot
from pydantic import ValidationError

from cli.doctor import doctor_page
from clients.doctor import redshift_types
from clients.doctor.payment import Allowance
from clients.doctor.run_check import DoctorDeadline, asked
from clients.doctor.warehouse import closed_tables, quoted_if_needed
from clients.temporal.task_queues import QUEUES
from clients.warehouse.sql.apply import TABLES_OF_OPS
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.doctor import (
    CHECKS,
    PROBLEMS,
    CheckResult,
    Diagnosis,
    Remote,
    State,
    not_asked,
    ok,
    sorted_findings,
    wrong,
)
from schemas.errors import BudgetSpentError, UnavailableError
from schemas.governor import Budget, LeaseClass, Reading
from workers.doctor import followed
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_every_name_begins_with_its_remote() -> None:
    assert {name.partition(".")[0] for name in (*CHECKS, *PROBLEMS)} == set(Remote)


def test_no_name_is_a_check_and_a_problem() -> None:
    assert CHECKS.keys() & PROBLEMS.keys() == set()


def test_every_problem_is_in_the_operators_page_with_its_remedy() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    assert [code for code in PROBLEMS if f"| `{code}` |" not in page] == []


@pytest.mark.parametrize("code", [*CHECKS, *PROBLEMS])
def test_every_name_is_given_by_some_check(code: str) -> None:
    files = [*(ROOT / "clients" / "doctor").glob("*.py"), *(ROOT / "workers").glob("doctor*.py")]
    assert any(f'"{code}"' in file.read_text() for file in files)


@pytest.mark.parametrize(
    ("code", "state", "remedy"),
    [
        ("salesforce.made_up", State.WRONG, "do"),
        ("salesforce.login", State.WRONG, "do"),
        ("salesforce.credentials", State.OK, ""),
        ("salesforce.credentials", State.UNKNOWN, "do"),
        ("salesforce.credentials", State.WRONG, ""),
        ("salesforce.login", State.OK, "do"),
    ],
)
def test_a_finding_has_a_listed_name_and_what_is_not_well_has_a_remedy(
    code: str, state: State, remedy: str
) -> None:
    with pytest.raises(ValidationError):
        CheckResult(code=code, state=state, found="f", remedy=remedy)


@pytest.mark.parametrize(
    ("finding", "is_well"),
    [
        (ok("s3.bucket", "f"), True),
        (wrong("s3.no_read", "f", "do"), False),
        (not_asked("s3.bucket", "f", "do"), False),
    ],
)
def test_what_is_unknown_is_not_well(finding: CheckResult, is_well: bool) -> None:
    assert Diagnosis(at=AT, org="", seconds=0, findings=(finding,)).is_well is is_well


def test_the_worst_comes_first() -> None:
    found = sorted_findings(
        [ok("s3.bucket", "f"), not_asked("kms.key", "f", "do"), wrong("s3.no_read", "f", "do")]
    )
    assert [each.state for each in found] == [State.WRONG, State.UNKNOWN, State.OK]


def test_the_page_begins_with_the_verdict_and_names_each_remedy() -> None:
    found = Diagnosis(at=AT, org="o", seconds=1.5, findings=(wrong("s3.no_read", "no", "grant it"),))
    lines = [str(each) for each in doctor_page(found).renderables]  # type: ignore[union-attr]
    assert lines[0].startswith("NOT well: 1 wrong")
    assert "do: grant it" in lines[2]


async def test_whatever_a_check_raises_becomes_unknown_and_not_a_traceback() -> None:
    async def refused() -> list[CheckResult]:
        raise UnavailableError(system="S3", detail="gone")

    async def faulty() -> list[CheckResult]:
        raise KeyError("x")

    for ask in (refused, faulty):
        [found] = await asked("s3.bucket", ask, DoctorDeadline())
        assert (found.state, found.code) == (State.UNKNOWN, "s3.bucket")
        assert "tried again by itself" not in found.found


async def test_the_allowance_ends_and_says_so() -> None:
    purse = Allowance(2, margin=0.05)
    for _ in range(2):
        await purse.take(Budget.API_CALLS, LeaseClass.RECONCILIATION)
    with pytest.raises(BudgetSpentError, match="used up"):
        await purse.take(Budget.API_CALLS, LeaseClass.RECONCILIATION)


@pytest.mark.parametrize(("used", "stops"), [(94, False), (95, True), (120, True)])
async def test_the_allowance_ends_when_the_org_has_no_more_than_the_margin(used: int, stops: bool) -> None:
    purse = Allowance(20, margin=0.05)
    purse.read(Reading(budget=Budget.API_CALLS, maximum=100, used=used, at=AT))
    if stops:
        with pytest.raises(BudgetSpentError, match="API calls left"):
            await purse.take(Budget.API_CALLS, LeaseClass.RECONCILIATION)
    else:
        await purse.take(Budget.API_CALLS, LeaseClass.RECONCILIATION)


def test_every_task_queue_is_looked_at() -> None:
    assert set(QUEUES) == {value for name, value in vars(names).items() if name.endswith("_QUEUE")}


def test_a_wide_channel_follows_what_no_other_lane_does() -> None:
    lanes = [
        {"name": "all", "channel": "/data/ChangeEvents"},
        {"name": "poll-account", "way": "poll", "object": "Account"},
        {"name": "cases", "channel": "/data/CaseChangeEvent"},
    ]
    found = followed(_settings(lanes=lanes), default_catalogue())
    assert found["Account"] is None
    assert found["Case"] == "/data/CaseChangeEvent"
    assert found["Contact"] == "/data/ChangeEvents"


def test_the_planner_may_stream_every_object_by_its_own_channel() -> None:
    found = followed(_settings(planner={"on": True}), default_catalogue())
    assert found["ServiceRequest__c"] == "/data/ServiceRequest__ChangeEvent"
    assert len(found) == len(default_catalogue().objects)


def _settings(**more: object) -> Settings:
    values = {
        "salesforce": {"org_id": "o", "login_url": "http://127.0.0.1:1", "client_id": "c"},
        "s3": {"bucket": "b", "kms_key_id": "k"},
        "warehouse": {"dsn": "postgresql://w"},
        "operational": {"dsn": "postgresql://o"},
    }
    return Settings.model_validate(values | more)


@pytest.mark.parametrize(
    "statement", [closed_tables(is_redshift=True), redshift_types.TYPES.format("a", "b", "c")]
)
def test_redshift_can_read_what_it_is_asked(statement: str) -> None:
    assert "SELECT" in sqlglot.parse_one(statement, dialect="redshift").sql()


@pytest.mark.parametrize(("name", "written"), [("etl", "etl"), ("etl-user", '"etl-user"'), ('a"b', '"a""b"')])
def test_a_remedy_writes_names_so_that_they_can_be_typed(name: str, written: str) -> None:
    assert quoted_if_needed(name) == written


def test_redshifts_types_are_spelled_as_its_view_spells_them() -> None:
    found = {redshift_types.spelled(column) for columns in TABLES_OF_OPS.values() for column in columns}
    assert found <= {
        "character varying",
        "bigint",
        "boolean",
        "double precision",
        "date",
        "timestamp with time zone",
        "numeric",
    }
