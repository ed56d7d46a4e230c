"""Every statement that the engine makes for a warehouse is in Redshift's dialect."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from clients.warehouse import redshift_sql
from clients.warehouse.sql.reports import QUESTIONS, ReportQuestion, answer
from sandbox.redshift.plan.planner import plan_text
from sandbox.redshift.plan.plans import RefusedError
from tests.unit.warehouse.test_shared_sql import NAMES, TABLES, statements_of


def numbered(statement: str) -> str:
    """psycopg's marks as the parameters that it sends."""
    first, *rest = statement.split("%s")
    return first + "".join(f"${place}{part}" for place, part in enumerate(rest, start=1))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_engine_asks_is_taken(name: str):
    for statement in statements_of(name):
        assert plan_text(numbered(statement))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_a_report_s_question_is_taken(question: ReportQuestion):
    assert plan_text(answer(question, "model", datetime(2026, 1, 2, tzinfo=UTC)))


def made_of_tables() -> Iterator[str]:
    for table, columns in TABLES.items():
        yield redshift_sql.create_statement(table, columns)
        yield redshift_sql.copy_statement(table, columns, "s3://bucket/load/x.parquet", "arn")


def test_tables_are_made_and_loaded_in_the_dialect():
    refused = []
    for statement in made_of_tables():
        try:
            plan_text(statement)
        except RefusedError as error:
            refused.append(str(error))
    assert refused == []
