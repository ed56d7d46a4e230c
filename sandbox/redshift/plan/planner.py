"""From a text to the plans of its statements, which are kept by text."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from sandbox.redshift.load.statements import plan_copy, plan_unload
from sandbox.redshift.plan.plans import Kind, Plan, RefusedError
from sandbox.redshift.rules import sessions
from sandbox.redshift.rules.alterations import plan_alter
from sandbox.redshift.rules.changes import plan_change, plan_truncate, plan_with
from sandbox.redshift.rules.cursors import plan_cursor, plan_declare
from sandbox.redshift.rules.definitions import plan_comment, plan_create, plan_drop
from sandbox.redshift.rules.lexer import Statement, split
from sandbox.redshift.rules.queries import plan_query
from sandbox.redshift.rules.rights import plan_grant
from sandbox.redshift.rules.rule import UNKNOWN, gap, rule

LONGEST = 16 * 1024 * 1024
TOO_LONG = rule("too-long", "statements", "A statement has 16 MB at most.", "c_redshift-sql", "54000")
STATEMENT_GAP = gap(
    "statement-gap",
    "statements",
    "CALL, PREPARE and EXECUTE, CANCEL, USE, REFRESH, ATTACH and DETACH, DESC.",
    "c_SQL_commands",
)
_MOST_KEPT = 5_000
_FAMILIES: dict[str, Callable[[Statement], Plan]] = {
    **dict.fromkeys(("SELECT", "("), plan_query),
    "WITH": plan_with,
    **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "MERGE"), plan_change),
    "TRUNCATE": plan_truncate,
    "CREATE": plan_create,
    "DROP": plan_drop,
    "ALTER": plan_alter,
    "COMMENT": plan_comment,
    "COPY": plan_copy,
    "UNLOAD": plan_unload,
    **dict.fromkeys(("BEGIN", "START"), sessions.plan_begin),
    **dict.fromkeys(("COMMIT", "END", "ROLLBACK", "ABORT"), sessions.plan_end),
    **dict.fromkeys(("SAVEPOINT", "RELEASE"), sessions.plan_savepoint),
    "LOCK": sessions.plan_lock,
    "VACUUM": sessions.plan_vacuum,
    **dict.fromkeys(("ANALYZE", "ANALYSE"), sessions.plan_analyze),
    **dict.fromkeys(("SET", "RESET", "SHOW"), sessions.plan_set),
    "DEALLOCATE": sessions.plan_deallocate,
    **dict.fromkeys(("GRANT", "REVOKE"), plan_grant),
    "DECLARE": plan_declare,
    **dict.fromkeys(("FETCH", "CLOSE"), plan_cursor),
}
_GAPS = ("CALL", "PREPARE", "EXECUTE", "CANCEL", "USE", "REFRESH", "ATTACH", "DETACH", "DESC")


class Planner:
    """Plans texts. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[Plan] | RefusedError] = OrderedDict()
        self._lock = threading.Lock()

    def is_known(self, text: str) -> bool:
        """True when `plan` answers at once."""
        with self._lock:
            return text in self._kept

    def plan(self, text: str) -> list[Plan]:
        """The plans of the text's statements. Raises `RefusedError`."""
        with self._lock:
            found = self._kept.get(text)
        if found is None:
            found = _planned(text)
            with self._lock:
                self._kept[text] = found
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        if isinstance(found, RefusedError):
            raise found.with_traceback(None)
        return found


def _planned(text: str) -> list[Plan] | RefusedError:
    try:
        return plan_text(text)
    except RefusedError as refused:
        return refused


def plan_text(text: str) -> list[Plan]:
    """The plans of the text's statements. Raises `RefusedError`."""
    if len(text.encode()) > LONGEST:
        raise RefusedError(TOO_LONG, f"statement is too large: {len(text.encode())} bytes, {LONGEST} at most")
    return [_plan(statement) for statement in split(text)]


def _plan(statement: Statement) -> Plan:
    word = statement.word(0)
    if word in _GAPS:
        raise RefusedError(STATEMENT_GAP, f"the stand-in has no {word}")
    if word == "EXPLAIN":
        return _plan_explain(statement)
    family = _FAMILIES.get(word)
    if family is None:
        raise RefusedError(UNKNOWN, f'syntax error at or near "{statement.tokens[0].text}"')
    return family(statement)


def _plan_explain(statement: Statement) -> Plan:
    """EXPLAIN of a statement that is planned itself; the plan shown is PostgreSQL's."""
    (inner,) = split(sessions.explained(statement))
    plan = _plan(inner)
    return Plan(Kind.REWRITE, f"EXPLAIN {plan.text}", "EXPLAIN", tag="EXPLAIN", reads=plan.reads)
