"""Thousands of statements, made from what the pages of AWS' guide take and exclude."""

from collections import Counter
from pathlib import Path

import pytest

from sandbox.redshift.plan.planner import plan_text
from sandbox.redshift.plan.plans import Kind, RefusedError
from tests.sandbox.redshift.families import FAMILIES
from tests.sandbox.redshift.families.family import Family

LEAST = 2_000


def verdict(statement: str) -> str:
    """`taken`, or the rule that refuses."""
    try:
        (plan,) = plan_text(statement)
    except RefusedError as refused:
        return refused.rule.name
    assert plan.text or plan.kind is Kind.CARRY_OUT
    return "taken"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_judged_as_its_page_says(family: Family):
    wanted = family.rule or "taken"
    judged = {statement: verdict(statement) for statement in family.statements()}
    assert {statement: found for statement, found in judged.items() if found != wanted} == {}


def test_2000_statements_are_taken_and_2000_refused():
    taken = {statement for family in FAMILIES if family.rule is None for statement in family.statements()}
    refused = {statement for family in FAMILIES if family.rule for statement in family.statements()}
    assert (len(taken) >= LEAST, len(refused) >= LEAST, taken & refused) == (True, True, set())


def test_each_family_has_its_own_name():
    assert [name for name, count in Counter(family.name for family in FAMILIES).items() if count > 1] == []


def test_the_judge_reads_no_rule_of_the_stand_in():
    read = [path.read_text() for path in (Path(__file__).parent / "families").glob("*.py")]
    assert not any("sandbox.redshift.rules" in text or "from sandbox" in text for text in read)
