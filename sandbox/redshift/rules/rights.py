"""GRANT and REVOKE."""

from sandbox.redshift.plan.plans import Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.rule import gap, rule

GRANTS = rule("grant", "rights", "GRANT and REVOKE have the rights of their pages.", "r_GRANT")
GRANTS_GAP = gap(
    "grant-gap", "rights", "Rights on functions, procedures, languages and datashares; roles.", "r_GRANT"
)
_RIGHTS = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REFERENCES",
    "ALL",
    "CREATE",
    "USAGE",
    "TEMPORARY",
    "TEMP",
)
_WITHOUT_MEANING = ("DROP", "ALTER", "TRUNCATE")
"""PostgreSQL lacks DROP and ALTER; here the owner of a table alone drops, alters or truncates
it.
"""
_GAPS = ("EXECUTE", "ASSUMEROLE", "SHARE", "ROLE", "EXPLAIN", "IGNORE")
_GAP_OBJECTS = ("FUNCTION", "PROCEDURE", "LANGUAGE", "DATASHARE", "MODEL", "EXTERNAL", "COPY")


def plan_grant(statement: Statement) -> Plan:
    """GRANT and REVOKE on tables, columns, schemas and databases."""
    cursor = Cursor(statement, GRANTS)
    verb = cursor.one_of("GRANT", "REVOKE")
    option = "GRANT OPTION FOR " if cursor.take("GRANT", "OPTION", "FOR") else ""
    rights = [_right(cursor)]
    while cursor.take(","):
        rights.append(_right(cursor))
    cursor.need("ON")
    if cursor.word in _GAP_OBJECTS:
        raise RefusedError(GRANTS_GAP, f"the stand-in has no rights on {cursor.word}")
    rest = cursor.rest()
    if " ROLE " in f" {rest.upper()} ":
        raise RefusedError(GRANTS_GAP, "the stand-in has no roles")
    kept = ", ".join(right for right in rights if right)
    text = f"{verb} {option}{kept} ON {rest}" if kept else "SET stand_in.nothing TO 'on'"
    return Plan(Kind.REWRITE, text, verb, tag=verb)


def _right(cursor: Cursor) -> str:
    """One right for PostgreSQL; empty when it has no meaning there."""
    if cursor.word in _GAPS:
        raise RefusedError(GRANTS_GAP, f"the stand-in has no right {cursor.word}")
    if cursor.one_of(*_WITHOUT_MEANING):
        return ""
    right = cursor.one_of(*_RIGHTS)
    if not right:
        raise cursor.fail()
    if right == "ALL":
        cursor.take("PRIVILEGES")
    return f"{right} ({', '.join(cursor.names())})" if cursor.word == "(" else right
