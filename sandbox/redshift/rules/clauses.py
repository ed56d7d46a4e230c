"""Clauses and operators: those that a query may have, and those that Redshift lacks."""

from sqlglot import exp

from sandbox.redshift.rules.rule import UNSUPPORTED, Rule, gap, rule

_POSTGRES = "c_unsupported-postgresql-features"
LACKING: dict[type[exp.Expr], Rule] = {
    exp.Lateral: rule("lateral", "queries", "There is no LATERAL.", "r_FROM_clause30", UNSUPPORTED),
    exp.Filter: rule("filter", "queries", "Aggregates have no FILTER clause.", "c_Aggregate_Functions"),
    exp.Returning: rule("returning", "changes", "There is no RETURNING.", "r_INSERT_30"),
    exp.OnConflict: rule("on-conflict", "changes", "There is no ON CONFLICT.", "r_INSERT_30"),
    exp.NullSafeEQ: rule(
        "not-distinct-from", "queries", "There is no IS NOT DISTINCT FROM.", "r_comparison_condition"
    ),
    exp.NullSafeNEQ: rule(
        "distinct-from", "queries", "There is no IS DISTINCT FROM.", "r_comparison_condition"
    ),
    exp.Lock: rule("row-lock", "queries", "SELECT takes no row locks.", "r_SELECT_synopsis", UNSUPPORTED),
    exp.Fetch: rule(
        "fetch-first", "queries", "LIMIT and TOP bound a result, not FETCH FIRST.", "r_ORDER_BY_clause"
    ),
    exp.TableSample: rule("tablesample", "queries", "There is no TABLESAMPLE.", "r_FROM_clause30"),
    exp.Values: rule("values-table", "queries", "VALUES is no constant table.", _POSTGRES, UNSUPPORTED),
    exp.Bracket: gap("super-navigation", "queries", "Navigation in SUPER values.", "query-super"),
    exp.Pivot: gap("pivot", "queries", "PIVOT and UNPIVOT.", "r_FROM_clause-pivot-unpivot-examples"),
    exp.Qualify: gap("qualify", "queries", "QUALIFY.", "r_QUALIFY_clause"),
    **dict.fromkeys(
        (exp.IgnoreNulls, exp.RespectNulls),
        gap("window-nulls", "queries", "IGNORE NULLS and RESPECT NULLS.", "r_WF_first_value"),
    ),
    exp.Connect: gap("connect-by", "queries", "CONNECT BY.", "r_CONNECT_BY_clause"),
}
ARRAY_LITERAL = rule(
    "array-literal",
    "queries",
    "Arrays of PostgreSQL exist on the leader node alone, in queries of its catalogue.",
    "c_unsupported-postgresql-datatypes",
    UNSUPPORTED,
)
_NODES = """
    Select From Join Where Group Having Order Ordered Limit Offset Subquery CTE With Table
    TableAlias Alias Star Union Except Intersect Distinct Window WindowSpec WithinGroup Column
    Identifier Literal Null Boolean Parameter Placeholder Paren Neg Not And Or EQ NEQ GT GTE LT LTE
    Add Sub Mul Div Mod Pow BitwiseAnd BitwiseOr BitwiseNot BitwiseXor BitwiseLeftShift
    BitwiseRightShift DPipe Concat Like ILike SimilarTo Escape RegexpLike Between In Is
    Exists Case If Cast DataType DataTypeParam Anonymous Extract Trim Substring StrPosition Var
    AtTimeZone Tuple Any All Array ColumnDef ObjectIdentifier CurrentDate CurrentTimestamp CurrentUser CurrentUserId SessionUser
    CurrentSchema CurrentDatabase CurrentTime Localtime Localtimestamp GroupingSets Rollup Cube Into
    Interval Collate Cbrt Insert Update Delete Merge Whens When Schema Values Default IntDiv Abs
    Sqrt ParameterizedAgg Dot Hint Introducer RegexpMatch Sysdate Bracket
    """.split()  # noqa: SIM905 -- a list of words
ALLOWED = frozenset(getattr(exp, name) for name in _NODES if hasattr(exp, name))
ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        [
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "distinct",
            "with_",
            "into",
        ]
    ),
    exp.Table: frozenset(["this", "db", "catalog", "alias", "joins"]),
    exp.Join: frozenset(["this", "on", "using", "kind", "side", "method"]),
    exp.Insert: frozenset(["this", "expression", "with_", "default"]),
    exp.Update: frozenset(["this", "expressions", "from_", "where", "with_"]),
    exp.Delete: frozenset(["this", "using", "where", "with_", "tables"]),
    exp.Merge: frozenset(["this", "using", "on", "whens"]),
    exp.Window: frozenset(["this", "partition_by", "order", "spec", "over"]),
    exp.Ordered: frozenset(["this", "desc", "nulls_first"]),
    exp.Group: frozenset(["expressions", "rollup", "cube", "grouping_sets"]),
    exp.CTE: frozenset(["this", "alias"]),
    exp.Subquery: frozenset(["this", "alias", "with_", "joins", "order", "limit", "offset"]),
}
"""Parts of the clauses that have many; another part of one of them is refused."""
