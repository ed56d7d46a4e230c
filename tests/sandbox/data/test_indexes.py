"""The questions that an integration asks all day do not read a whole table."""

import pytest

from sandbox.org.soql.compiler import compile_soql
from sandbox.org.state.org import Org

QUESTIONS = [
    "Id IN ('500000000000001AAA')",
    "ExternalId__c IN ('a', 'b')",
    "ExternalId__c = 'a'",
    "SystemModstamp >= 2026-01-01T00:00:00Z AND SystemModstamp < 2026-01-02T00:00:00Z",
]


@pytest.mark.parametrize("include_deleted", [False, True])
@pytest.mark.parametrize("condition", QUESTIONS)
def test_an_index_answers(org: Org, condition: str, *, include_deleted: bool) -> None:
    text = f"SELECT Id, Status FROM Case WHERE {condition}"
    compiled = compile_soql(text, org.entities, include_deleted=include_deleted)
    sql, params = compiled.rows()
    plan = org.store.connection.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
    assert [row[-1] for row in plan if str(row[-1]).startswith("SCAN")] == [], plan
