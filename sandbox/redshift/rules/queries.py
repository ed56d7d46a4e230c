"""SELECT and what begins as it does."""

from sqlglot import exp

from sandbox.redshift.plan.plans import Kind, Plan, RefusedError
from sandbox.redshift.rules.expressions import check
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.parser import is_same_text, parsed, postgres_text
from sandbox.redshift.rules.rule import NOT_PARSED


def plan_query(statement: Statement) -> Plan:
    """A query: forwarded as it is where PostgreSQL has the same text."""
    tree = parsed(statement.text)
    if not isinstance(tree, exp.Query):
        raise RefusedError(NOT_PARSED, f"syntax error at or near {statement.text[:60]!r}")
    found = check(tree)
    if into := tree.args.get("into"):
        return Plan(
            Kind.REWRITE,
            postgres_text(tree),
            "SELECT INTO",
            tag="SELECT",
            reads=frozenset(found.tables - {into.this.sql().lower()}),
        )
    is_same = not found.is_changed and is_same_text(statement.text)
    return Plan(
        Kind.FORWARD if is_same else Kind.REWRITE,
        statement.text if is_same else postgres_text(tree),
        "SELECT",
        tag="SELECT",
        reads=frozenset(found.tables),
    )
