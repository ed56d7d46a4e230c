"""Expressions of queries and changes: every node of its tree is on a list, or the query is
refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules import functions, types
from sandbox.redshift.rules.clauses import ALLOWED, ARGUMENTS, ARRAY_LITERAL, LACKING
from sandbox.redshift.rules.leader_tables import is_catalogue, is_on_leader, redirect
from sandbox.redshift.rules.names import check_name
from sandbox.redshift.rules.rewritten import REWRITTEN
from sandbox.redshift.rules.rule import rule
from sandbox.redshift.rules.shapes import SHAPES

UNKNOWN_CLAUSE = rule(
    "unknown-clause",
    "queries",
    "A clause or an operator that is not in the reference is refused.",
    "r_SELECT_synopsis",
)
ORDER_IN_AGGREGATE = rule(
    "order-in-aggregate",
    "queries",
    "Only LISTAGG and PERCENTILE take an order, by WITHIN GROUP.",
    "c_Aggregate_Functions",
)


def _more_arguments(node: exp.Expr) -> list[str]:
    known = ARGUMENTS.get(type(node))
    return (
        []
        if known is None
        else sorted(name for name, value in node.args.items() if value and name not in known)
    )


@dataclass
class Found:
    """Tables, calls and changes that a walk over a statement has found."""

    tables: set[str] = field(default_factory=set)
    leader: list[str] = field(default_factory=list)
    rewritten: list[tuple[exp.Expr, Callable[[exp.Expr], None]]] = field(default_factory=list)
    """Calls that are put otherwise once everything is checked."""
    is_changed: bool = False
    """True when PostgreSQL needs another text."""


def check(tree: exp.Expr) -> Found:
    """Check every node, and change what PostgreSQL spells otherwise. Raises `RefusedError`."""
    found = Found()
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    nodes = list(tree.walk())
    for node in nodes:
        if (lacking := LACKING.get(type(node))) is not None and not (
            _is_inserted(node) or _is_of_leader(node)
        ):
            raise RefusedError(lacking, f"not supported: {_shown(node)}")
    for node in nodes:
        if type(node) not in ALLOWED:
            raise RefusedError(
                UNKNOWN_CLAUSE, f"syntax error at or near {_shown(node)} ({type(node).__name__})"
            )
        if more := _more_arguments(node):
            raise RefusedError(UNKNOWN_CLAUSE, f"syntax error: no {', '.join(more)} in {_shown(node)}")
        if (shape := SHAPES.get(type(node))) is not None:
            shape(node)
        _RULES.get(type(node), _nothing)(node, found)
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Func):
            if node.name.lower() in named and not node.db:
                continue
            found.tables.add(".".join(part.sql(dialect="postgres") for part in node.parts).lower())
    _check_leader(found)
    for node, rewrite in reversed(found.rewritten):  # an inner call before the one around it
        rewrite(node)
        found.is_changed = True
    if tree.find(exp.Array) and not (found.tables and all(map(is_catalogue, found.tables))):
        raise RefusedError(ARRAY_LITERAL, "not supported: arrays outside of the catalogue's tables")
    if found.tables and all(map(is_catalogue, found.tables)):
        found.is_changed |= redirect(tree)
    return found


def _is_inserted(node: exp.Expr) -> bool:
    return isinstance(node, exp.Values) and isinstance(node.parent, exp.Insert)


def _is_of_leader(node: exp.Expr) -> bool:
    """A part of an array that a function of the leader node gives."""
    called = node.this.unnest() if isinstance(node, exp.Bracket) else None
    if isinstance(called, exp.Dot):
        called = called.expression
    known = functions.FUNCTIONS.get(called.name.upper()) if isinstance(called, exp.Anonymous) else None
    return known is not None and known.leader


def _shown(node: exp.Expr) -> str:
    return f'"{node.sql(dialect="redshift")[:60]}"'


def _nothing(_: exp.Expr, __: Found) -> None:
    return


def _check_leader(found: Found) -> None:
    """Tables of the catalogue are on the leader node, too; system views are not, which pages of
    some functions say.
    """
    users = [table for table in found.tables if not is_catalogue(table)]
    views = [table for table in found.tables if not is_on_leader(table)]
    named = found.leader if users else [name for name in found.leader if name in functions.NOT_BESIDE_VIEWS]
    if named and views:
        raise RefusedError(
            functions.LEADER_ONLY,
            "Specified types or functions (one per INFO message) not supported on Redshift tables. "
            f"({', '.join(named)})",
        )


def _identifier(node: exp.Expr, found: Found) -> None:
    """After AS and after a dot any word is a name. A quoted name is folded to small letters, too:
    enable_case_sensitive_identifier is off.
    """
    if node.args.get("quoted") and node.name != node.name.lower():
        node.set("this", node.name.lower())
        found.is_changed = True
    parent = node.parent
    is_free = (
        (isinstance(parent, exp.Alias) and node.arg_key == "alias")
        or (isinstance(parent, exp.Column) and node.arg_key == "this" and bool(parent.args.get("table")))
        or (isinstance(parent, exp.Table) and node.arg_key == "this" and bool(parent.args.get("db")))
        # Catalogue tables have a column of this name, which drivers ask for without their table.
        or (isinstance(parent, exp.Column) and node.name.lower() == "oid")
    )
    check_name(node.name, is_quoted=bool(node.args.get("quoted")) or is_free)


def _function(node: exp.Expr, found: Found) -> None:
    name = node.name.upper()
    known = functions.FUNCTIONS.get(name)
    if known is None:
        if name in functions.GAPS:
            raise RefusedError(functions.FUNCTION_GAP, f"the stand-in has no function {name}")
        reason = functions.UNSUPPORTED_FUNCTION if name in functions.MISSING else functions.UNKNOWN_FUNCTION
        raise RefusedError(reason, f"function {name.lower()}(…) does not exist")
    given = [each for each in node.expressions if not isinstance(each, exp.Order)]
    if len(given) != len(node.expressions):
        raise RefusedError(ORDER_IN_AGGREGATE, f"ORDER BY is not supported within {name}")
    if not known.least <= len(given) <= known.most:
        raise RefusedError(functions.ARGUMENTS, f"function {name.lower()} takes no {len(given)} arguments")
    if known.leader:
        found.leader.append(name)
    if name in REWRITTEN:
        found.rewritten.append((node, REWRITTEN[name]))
    if name in functions.RENAMED:
        node.set("this", functions.RENAMED[name])
        found.is_changed = True
    if name in ("DATEADD", "DATE_ADD", "DATEDIFF", "DATE_DIFF", "DATE_PART", "DATE_TRUNC"):
        _date_part(node, found)


def _date_part(node: exp.Expr, found: Found) -> None:
    """The part may be a bare word, which PostgreSQL needs as a text."""
    part = node.expressions[0]
    if isinstance(part, exp.Literal | exp.Column | exp.Var):
        if part.name.lower() not in functions.DATE_PARTS:
            raise RefusedError(functions.ARGUMENTS, f'"{part.name}" is no date part')
        if not isinstance(part, exp.Literal):
            part.replace(exp.Literal.string(part.name.lower()))
            found.is_changed = True


def _cast(node: exp.Expr, found: Found) -> None:
    """CAST and ::, whose type may have another name in PostgreSQL."""
    asked = node.args["to"]
    name, arguments = type_of(asked)
    if name in types.LEADER_TYPES and not arguments:
        found.leader.append(name)
        return
    wanted = types.cast_type(name, arguments)
    if (
        name in ("FLOAT", "DECIMAL", "NUMERIC", "CHAR", "BPCHAR", "NVARCHAR", "NCHAR", "DATETIME")
        or "MAX" in arguments
    ):
        node.set("to", exp.DataType.build(wanted, dialect="postgres"))
        found.is_changed = True


def type_of(node: exp.Expr) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of a type in a tree."""
    if not isinstance(node, exp.DataType):
        return node.sql().upper(), ()
    arguments = tuple(each.sql(dialect="redshift") for each in node.expressions)
    if node.args.get("nested") or node.this is exp.DataType.Type.ARRAY:
        return "ARRAY[]", ()
    if node.this is exp.DataType.Type.USERDEFINED:
        return str(node.args.get("kind") or node.name).upper(), arguments
    spelled = node.copy()
    spelled.set("expressions", [])
    return _SPELLED.get(text := spelled.sql(dialect="redshift").upper(), text), arguments


_SPELLED = {"VARCHAR(MAX)": "VARCHAR", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}


def _extract(node: exp.Expr, found: Found) -> None:
    """PostgreSQL's EXTRACT is NUMERIC, Redshift's DOUBLE PRECISION (INTEGER for most parts)."""
    if node.this.name.lower() not in functions.DATE_PARTS:
        raise RefusedError(functions.ARGUMENTS, f'"{node.this.name}" is no date part')
    if not (isinstance(node.parent, exp.Cast) and node.parent.args.get("stand_in")):
        cast = exp.Cast(this=node.copy(), to=exp.DataType.build("double precision", dialect="postgres"))
        cast.set("stand_in", True)
        node.replace(cast)
        found.is_changed = True


def _leader_word(node: exp.Expr, found: Found) -> None:
    """A function of the leader node that is called without parentheses. sqlglot takes SYSDATE for
    CURRENT_TIMESTAMP; compute nodes have it.
    """
    if node.args.get("sysdate"):
        found.rewritten.append((node, _call_sysdate))
        return
    found.leader.append(node.sql(dialect="postgres"))


def _call_sysdate(node: exp.Expr) -> None:
    node.replace(exp.Anonymous(this="SYSDATE"))


def _minus(_: exp.Expr, found: Found) -> None:
    found.is_changed = True  # MINUS is another word for EXCEPT


def _limit(_: exp.Expr, found: Found) -> None:
    found.is_changed = True  # TOP


def _literal(node: exp.Expr, found: Found) -> None:
    """A backslash in a text is an escape in Redshift, and a character in PostgreSQL."""
    if node.args.get("is_string") and "\\" in node.name:
        found.is_changed = True


_RULES: dict[type[exp.Expr], Callable[[exp.Expr, Found], None]] = {
    exp.Identifier: _identifier,
    exp.Anonymous: _function,
    exp.Cast: _cast,
    exp.Extract: _extract,
    exp.Except: _minus,
    exp.Limit: _limit,
    exp.Literal: _literal,
    **dict.fromkeys((exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp), _leader_word),
    **dict.fromkeys((exp.CurrentSchema, exp.CurrentDatabase), _leader_word),
}
