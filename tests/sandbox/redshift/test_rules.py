"""Each rule refuses what its page excludes, and takes the rest."""

import pytest

from sandbox.redshift.plan.planner import plan_text
from sandbox.redshift.plan.plans import Kind, RefusedError
from sandbox.redshift.rules.rule import GUIDE, RULES
from tests.sandbox.redshift.statements import REFUSED, TAKEN

WHEN_RUN = {
    "boolean-to-text",
    "copy-column", "no-bucket", "no-objects", "parquet-scan", "role-rights", "serializable-conflict",
    "unknown-role", "unload-overwrite",
}  # fmt: skip
"""Rules that are known when the statement runs, not before."""


@pytest.mark.parametrize("statement", [text for texts in TAKEN.values() for text in texts])
def test_a_statement_of_the_dialect_is_taken(statement: str):
    (plan,) = plan_text(statement)
    assert plan.text or plan.kind is Kind.CARRY_OUT


CASES = [
    pytest.param(name, text, id=f"{name} {place}")
    for name, texts in REFUSED.items()
    for place, text in enumerate(texts)
]


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_statement_is_refused_by_its_rule(name: str, statement: str):
    with pytest.raises(RefusedError) as refused:
        plan_text(statement)
    assert refused.value.rule.name == name, str(refused.value)


def test_every_rule_is_seen_to_refuse():
    import sandbox.redshift.server  # noqa: F401 -- lists the rules of every module

    assert set(RULES) - WHEN_RUN == {name for name, texts in REFUSED.items() if texts}


def test_every_rule_names_its_page():
    assert [
        rule.name for rule in RULES.values() if not (rule.page.startswith(GUIDE) and rule.says.endswith("."))
    ] == []
