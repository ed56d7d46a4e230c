"""INSERT, UPDATE, DELETE, MERGE, TRUNCATE."""

from collections.abc import Callable

from sqlglot import exp

from sandbox.redshift.plan.plans import Ends, Kind, Plan, RefusedError
from sandbox.redshift.rules.expressions import check
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.names import check_name
from sandbox.redshift.rules.parser import is_same_text, parsed, postgres_text
from sandbox.redshift.rules.queries import plan_query
from sandbox.redshift.rules.rule import NOT_PARSED, UNSUPPORTED, gap, rule

MERGE_CLAUSES = rule(
    "merge-clauses",
    "changes",
    "MERGE has one WHEN MATCHED and one WHEN NOT MATCHED, in this order, without conditions.",
    "r_MERGE",
)
MERGE_CONDITION = rule(
    "merge-condition", "changes", "MERGE joins by equality of columns.", "r_MERGE", UNSUPPORTED
)
MERGE_ALIAS = rule("merge-target-alias", "changes", "MERGE's target has no alias.", "r_MERGE")
MERGE_SOURCE = rule(
    "merge-source",
    "changes",
    "MERGE's source is a table, neither a query nor a view.",
    "r_MERGE",
    UNSUPPORTED,
)
MERGE_COLUMN = rule(
    "merge-column", "changes", "MERGE names the target's columns without the table.", "r_MERGE"
)
MERGE_DUPLICATES = gap("merge-remove-duplicates", "changes", "MERGE … REMOVE DUPLICATES.", "r_MERGE")
WITH_CHANGE = rule(
    "change-in-with", "changes", "WITH holds queries, no INSERT, UPDATE or DELETE.", "r_WITH_clause"
)
OVERRIDING = rule(
    "insert-clauses", "changes", "INSERT has a column list, DEFAULT VALUES, VALUES or a query.", "r_INSERT_30"
)
UPDATE_TUPLE = rule("update-tuple", "changes", "UPDATE sets one column at a time.", "r_UPDATE")
UPDATE_COLUMN = rule(
    "update-column", "changes", "UPDATE names the target's columns without the table.", "r_UPDATE"
)
ONLY_ONE = rule("truncate-one", "changes", "TRUNCATE takes one table, and no options.", "r_TRUNCATE")


def plan_change(statement: Statement) -> Plan:
    """A statement that writes rows into one table."""
    if _removes_duplicates(statement):
        raise RefusedError(MERGE_DUPLICATES, "the stand-in has no MERGE … REMOVE DUPLICATES")
    text = statement.text
    if statement.word(0) == "DELETE" and statement.word(1) != "FROM":
        text = f"DELETE FROM {text[len('DELETE') :]}"
    tree = parsed(text)
    take = _TAKEN.get(type(tree))
    if take is None:
        raise RefusedError(NOT_PARSED, f"syntax error at or near {statement.text[:60]!r}")
    for cte in tree.find_all(exp.CTE):
        if not isinstance(cte.this, exp.Query):
            raise RefusedError(WITH_CHANGE, "WITH holds queries only")
    target = take(tree)
    found = check(tree)
    is_same = not found.is_changed and is_same_text(text)
    name = _name(target)
    return Plan(
        Kind.FORWARD if is_same else Kind.REWRITE,
        text if is_same else postgres_text(tree),
        type(tree).__name__.upper(),
        reads=frozenset(found.tables - ({name} if isinstance(tree, exp.Insert) else set())),
        writes=frozenset({name}),
    )


def plan_with(statement: Statement) -> Plan:
    """A statement that begins with WITH."""
    tree = parsed(statement.text)
    return plan_query(statement) if isinstance(tree, exp.Query) else plan_change(statement)


def plan_truncate(statement: Statement) -> Plan:
    """TRUNCATE, which commits its transaction."""
    tree = parsed(statement.text)
    if not isinstance(tree, exp.TruncateTable) or len(tree.expressions) != 1:
        raise RefusedError(ONLY_ONE, "TRUNCATE takes one table")
    given = {name for name, value in tree.args.items() if value and name != "expressions"}
    if given:
        raise RefusedError(ONLY_ONE, f"TRUNCATE takes no {', '.join(sorted(given))}")
    (table,) = tree.expressions
    for part in table.parts:
        check_name(part.name, is_quoted=bool(part.args.get("quoted")))
    name = _name(table)
    return Plan(
        Kind.FORWARD, f"TRUNCATE TABLE {name}", "TRUNCATE", ends=Ends.COMMITS_ITSELF, writes=frozenset({name})
    )


def _name(table: exp.Table) -> str:
    return ".".join(part.sql(dialect="postgres") for part in table.parts).lower()


def _removes_duplicates(statement: Statement) -> bool:
    count = len(statement.tokens)
    return statement.word(0) == "MERGE" and [statement.word(count - 2), statement.word(count - 1)] == [
        "REMOVE",
        "DUPLICATES",
    ]


def _insert(tree: exp.Expr) -> exp.Table:
    allowed = {"this", "expression", "default", "conflict", "returning"}
    if more := {name for name, value in tree.args.items() if value} - allowed:
        raise RefusedError(OVERRIDING, f"INSERT takes no {', '.join(sorted(more))}")
    if not (tree.args.get("expression") or tree.args.get("default")):
        raise RefusedError(NOT_PARSED, "syntax error at end of input")
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return _table(target)


def _update(tree: exp.Expr) -> exp.Table:
    for assignment in tree.expressions:
        if not isinstance(assignment, exp.EQ) or not isinstance(assignment.this, exp.Column):
            raise RefusedError(UPDATE_TUPLE, f'syntax error at or near "{assignment.sql()[:40]}"')
        if assignment.this.table:
            raise RefusedError(UPDATE_COLUMN, f'syntax error at or near "{assignment.this.sql()[:40]}"')
        value = assignment.expression
        if value.sql().upper() == "DEFAULT":  # sqlglot takes it for a column
            value.replace(exp.Var(this="DEFAULT"))
    return _table(tree.this)


def _delete(tree: exp.Expr) -> exp.Table:
    return _table(tree.this)


def _merge(tree: exp.Expr) -> exp.Table:
    target, source = tree.this, tree.args["using"]
    if target.alias:
        raise RefusedError(MERGE_ALIAS, f'syntax error at or near "{target.alias}"')
    if not isinstance(source, exp.Table):
        raise RefusedError(MERGE_SOURCE, "MERGE is not supported with a query as its source")
    whens = tree.args["whens"].expressions
    shapes = [(bool(each.args.get("matched")), type(each.args.get("then"))) for each in whens]
    good = ([(True, exp.Update), (False, exp.Insert)], [(True, exp.Var), (False, exp.Insert)])
    if shapes not in good or any(each.args.get("condition") or each.args.get("source") for each in whens):
        raise RefusedError(MERGE_CLAUSES, "MERGE needs WHEN MATCHED THEN … WHEN NOT MATCHED THEN INSERT …")
    if isinstance(whens[0].args["then"], exp.Var) and whens[0].args["then"].name.upper() != "DELETE":
        raise RefusedError(MERGE_CLAUSES, "WHEN MATCHED takes UPDATE SET or DELETE")
    for part in _conjuncts(tree.args["on"]):
        if not isinstance(part, exp.EQ):
            raise RefusedError(
                MERGE_CONDITION, f"MERGE's condition must be equalities, not {part.sql()[:60]}"
            )
    _name_values(whens[1].args["then"])
    for set_ in whens[0].args["then"].expressions:
        if set_.this.args.get("table"):
            raise RefusedError(MERGE_COLUMN, f'syntax error at or near "{set_.this.sql()}"')
    return _table(target)


def _name_values(insert: exp.Expr) -> None:
    """INSERT VALUES (…) without columns: sqlglot takes it for a call of a function VALUES."""
    inner = insert.this
    inner = inner.expressions[0] if isinstance(inner, exp.Tuple) and len(inner.expressions) == 1 else inner
    if isinstance(inner, exp.Anonymous) and inner.name.upper() == "VALUES":
        insert.set("expression", exp.Tuple(expressions=inner.expressions))
        insert.set("this", None)


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    """The parts of a condition that AND joins."""
    plain = condition.unnest()
    return [*_conjuncts(plain.left), *_conjuncts(plain.right)] if isinstance(plain, exp.And) else [plain]


def _table(node: exp.Expr) -> exp.Table:
    if not isinstance(node, exp.Table):
        raise RefusedError(NOT_PARSED, f"syntax error at or near {node.sql()[:60]!r}")
    return node


_TAKEN: dict[type[exp.Expr], Callable[[exp.Expr], exp.Table]] = {
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
}
