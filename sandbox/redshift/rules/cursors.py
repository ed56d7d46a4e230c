"""DECLARE, FETCH and CLOSE: a cursor reads forward, within its transaction."""

from sandbox.redshift.plan.plans import Kind, Plan
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.lexer import Statement, split
from sandbox.redshift.rules.queries import plan_query
from sandbox.redshift.rules.rule import rule

DECLARE = rule(
    "declare",
    "cursors",
    "DECLARE has a name, CURSOR FOR and a query; it neither scrolls nor is held.",
    "declare",
)
FETCH = rule(
    "fetch", "cursors", "FETCH has NEXT, ALL or FORWARD with a number, and never goes back.", "fetch"
)
CLOSE = rule("close", "cursors", "CLOSE names one cursor.", "close")


def plan_declare(statement: Statement) -> Plan:
    """DECLARE of a cursor."""
    cursor = Cursor(statement, DECLARE)
    cursor.need("DECLARE")
    name = cursor.name()
    cursor.need("CURSOR")
    cursor.take("WITHOUT", "HOLD")  # psycopg2 writes it, and works with clusters
    cursor.need("FOR")
    (inner,) = split(cursor.rest()) or [statement]
    query = plan_query(inner)
    return Plan(
        Kind.REWRITE,
        f"DECLARE {name} CURSOR FOR {query.text}",
        "DECLARE",
        tag="DECLARE CURSOR",
        reads=query.reads,
    )


def plan_cursor(statement: Statement) -> Plan:
    """FETCH and CLOSE."""
    verb = statement.word(0)
    cursor = Cursor(statement, FETCH if verb == "FETCH" else CLOSE)
    cursor.need(verb)
    if verb == "CLOSE":
        text = f"CLOSE {cursor.name()}"
    else:
        count = cursor.one_of("NEXT", "ALL")
        if not count and cursor.take("FORWARD"):
            count = (
                "FORWARD" if cursor.word == "FROM" else f"FORWARD {cursor.one_of('ALL') or cursor.number()}"
            )
        elif not count and cursor.word != "FROM":
            count = str(cursor.number())
        cursor.one_of("FROM", "IN")
        text = f"FETCH {count or 'NEXT'} FROM {cursor.name()}"
    cursor.end()
    return Plan(Kind.REWRITE, text, verb)
