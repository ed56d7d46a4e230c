"""Queries: clauses of their pages, and clauses of PostgreSQL alone."""

from tests.sandbox.redshift.families.family import Family, words

_JOINS = [
    "JOIN",
    "INNER JOIN",
    "LEFT JOIN",
    "LEFT OUTER JOIN",
    "RIGHT JOIN",
    "RIGHT OUTER JOIN",
    "FULL JOIN",
    "FULL OUTER JOIN",
]
_SETS = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "MINUS"]
_QUERIES = [
    "SELECT 1",
    "SELECT a FROM t",
    "SELECT a FROM t WHERE b = 1",
    "SELECT a, COUNT(*) FROM t GROUP BY a",
    "SELECT DISTINCT a FROM t",
]
_GROUPS = ["a", "a, b", "1", "1, 2", "ROLLUP (a, b)", "CUBE (a, b)", "GROUPING SETS ((a), (a, b), ())"]
_ORDERS = ["a", "a DESC", "a ASC, b DESC", "1", "a NULLS FIRST", "a DESC NULLS LAST", "LOWER(a)", "a + b"]
_AGGREGATES = ["COUNT(*)", "SUM(a)", "AVG(a)", "MIN(a)", "MAX(a)", "COUNT(DISTINCT a)"]

FAMILIES = (
    Family(
        "queries",
        "r_SELECT_synopsis",
        [
            "{query}",
            "({query})",
            "EXPLAIN {query}",
            "EXPLAIN VERBOSE {query}",
            "CREATE TABLE u AS {query}",
            "CREATE TEMP TABLE u AS {query}",
            "CREATE VIEW v AS {query}",
            "DECLARE c CURSOR FOR {query}",
            "INSERT INTO u {query}",
            "WITH q AS ({query}) SELECT * FROM q",
        ],
        {"query": _QUERIES},
    ),
    Family(
        "joins",
        "r_FROM_clause30",
        [
            "SELECT t.a FROM t {join} u ON t.a = u.a",
            "SELECT a FROM t {join} u USING (a)",
            "SELECT t.a FROM t {join} (SELECT a FROM u) AS q ON t.a = q.a",
            "SELECT a FROM t NATURAL {join} u",
        ],
        {"join": _JOINS},
    ),
    Family(
        "more joins",
        "r_FROM_clause30",
        ["SELECT t.a FROM {tables}"],
        {
            "tables": [
                "t, u",
                "t CROSS JOIN u",
                "s.t",
                "s.t AS t",
                "t x",
                "t AS x (a)",
                "(SELECT a FROM u) AS t",
                "(SELECT a FROM u) t (a)",
                "d.s.t",
            ]
        },
    ),
    Family(
        "set operations",
        "r_UNION",
        [
            "SELECT a FROM t {set} SELECT a FROM u",
            "SELECT a FROM t {set} SELECT a FROM u ORDER BY 1 LIMIT 5",
            "SELECT a FROM t {set} SELECT a FROM u {more} SELECT a FROM v",
            "SELECT a FROM t {set} (SELECT a FROM u {more} SELECT a FROM v)",
        ],
        {"set": _SETS, "more": _SETS},
    ),
    Family(
        "set operations that keep duplicates",
        "r_UNION",
        [
            "SELECT a FROM t {set} ALL SELECT a FROM u",
            "INSERT INTO w SELECT a FROM t {set} ALL SELECT a FROM u",
            "CREATE TABLE w AS SELECT a FROM t {set} ALL SELECT a FROM u",
            "SELECT a FROM t UNION SELECT a FROM v {set} ALL SELECT a FROM u",
        ],
        {"set": ["INTERSECT", "EXCEPT", "MINUS"]},
        rule="set-all",
    ),
    Family(
        "limits within set operations",
        "r_UNION",
        [
            "SELECT a FROM t {set} (SELECT a FROM u {limit})",
            "(SELECT a FROM t {limit}) {set} SELECT a FROM u",
            "(SELECT a FROM t ORDER BY a {limit}) {set} (SELECT a FROM u ORDER BY a {limit})",
        ],
        {"set": _SETS, "limit": ["LIMIT 5", "OFFSET 2", "LIMIT 5 OFFSET 2"]},
        rule="set-limit",
    ),
    Family(
        "groups",
        "r_GROUP_BY_clause",
        [
            "SELECT a, b FROM t GROUP BY {group}",
            "SELECT a, COUNT(*) FROM t GROUP BY {group} HAVING COUNT(*) > 1",
        ],
        {"group": _GROUPS},
    ),
    Family(
        "orders and limits",
        "r_ORDER_BY_clause",
        ["SELECT a, b FROM t ORDER BY {order} {limit}"],
        {"order": _ORDERS, "limit": ["", "LIMIT 5", "LIMIT ALL", "LIMIT 5 OFFSET 2", "OFFSET 2"]},
    ),
    Family(
        "tops",
        "r_SELECT_list",
        ["SELECT TOP {number} {list} FROM t", "SELECT TOP {number} {list} FROM t ORDER BY a"],
        {"number": ["1", "10"], "list": ["a", "*", "a, b AS c"]},
    ),
    Family(
        "tables made by INTO",
        "r_SELECT_INTO",
        ["SELECT {list} INTO {kind}u FROM t {where}"],
        {
            "list": ["a", "*", "a, b AS c", "COUNT(*) AS n"],
            "kind": ["", "TEMP ", "TEMPORARY ", "TABLE ", "TEMP TABLE "],
            "where": ["", "WHERE a = 1"],
        },
    ),
    Family(
        "recursive tables",
        "r_WITH_clause",
        [
            "WITH RECURSIVE q({names}) AS (SELECT {start} UNION ALL SELECT {step} FROM q WHERE n < 5) SELECT * FROM q"
        ],
        {"names": ["n"], "start": ["1", "a FROM t"], "step": ["n + 1", "n * 2"]},
    ),
    Family(
        "recursive tables without a list",
        "r_WITH_clause",
        [
            "WITH RECURSIVE q AS (SELECT {start} AS n UNION ALL SELECT {step} FROM q WHERE n < 5) SELECT * FROM q"
        ],
        {"start": ["1", "2", "0"], "step": ["n + 1", "n * 2", "n"]},
        rule="recursive-columns",
    ),
    Family(
        "recursive tables without ALL",
        "r_WITH_clause",
        ["WITH RECURSIVE q(n) AS (SELECT {start} UNION SELECT {step} FROM q WHERE n < 5) SELECT * FROM q"],
        {"start": ["1", "2", "0"], "step": ["n + 1", "n * 2", "n"]},
        rule="recursive-union",
    ),
    Family(
        "row locks",
        "r_SELECT_synopsis",
        ["{query} FOR {lock}"],
        {
            "query": [*_QUERIES[1:3], "SELECT a FROM t ORDER BY a", "SELECT * FROM t JOIN u USING (a)"],
            "lock": [
                "UPDATE",
                "SHARE",
                "NO KEY UPDATE",
                "KEY SHARE",
                "UPDATE NOWAIT",
                "UPDATE SKIP LOCKED",
                "UPDATE OF t",
            ],
        },
        rule="row-lock",
    ),
    Family(
        "FETCH FIRST",
        "r_ORDER_BY_clause",
        ["SELECT a FROM {source} FETCH {word} {count} {rows} ONLY"],
        {
            "source": ["t", "t ORDER BY a", "t WHERE a = 1"],
            "word": ["FIRST", "NEXT"],
            "count": ["1", "5"],
            "rows": ["ROW", "ROWS"],
        },
        rule="fetch-first",
    ),
    Family(
        "samples",
        "r_FROM_clause30",
        ["SELECT {list} FROM t TABLESAMPLE {kind} ({share})"],
        {"list": ["a", "*", "COUNT(*)"], "kind": ["BERNOULLI", "SYSTEM"], "share": ["1", "50"]},
        rule="tablesample",
    ),
    Family(
        "DISTINCT ON",
        "c_unsupported-postgresql-features",
        ["SELECT DISTINCT ON ({keys}) {list} FROM t", "SELECT DISTINCT ON ({keys}) {list} FROM t ORDER BY a"],
        {"keys": ["a", "a, b", "LOWER(a)"], "list": ["a", "*", "a, b"]},
        rule="distinct-on",
    ),
    Family(
        "LATERAL",
        "r_FROM_clause30",
        [
            "SELECT t.a FROM t, LATERAL ({query}) AS q",
            "SELECT t.a FROM t {join} LATERAL ({query}) AS q ON TRUE",
        ],
        {"query": _QUERIES, "join": _JOINS[:3]},
        rule="lateral",
    ),
    Family(
        "VALUES as a table",
        "c_unsupported-postgresql-features",
        [
            "SELECT * FROM (VALUES {rows}) AS q(a)",
            "SELECT t.a FROM t JOIN (VALUES {rows}) AS q(a) ON t.a = q.a",
        ],
        {"rows": ["(1)", "(1), (2)", "('x')", "(NULL), (1)"]},
        rule="values-table",
    ),
    Family(
        "FILTER",
        "c_Aggregate_Functions",
        [
            "SELECT {call} FILTER (WHERE {test}) FROM t",
            "SELECT b, {call} FILTER (WHERE {test}) FROM t GROUP BY b",
        ],
        {"call": _AGGREGATES, "test": ["a > 1", "b IS NULL", "a = 1 AND b = 2"]},
        rule="filter",
    ),
    Family(
        "orders in aggregates",
        "c_Aggregate_Functions",
        ["SELECT {name}(a ORDER BY {order}) FROM t"],
        {"name": words("LISTAGG SUM COUNT MAX MIN AVG"), "order": ["a", "b DESC"]},
        rule="order-in-aggregate",
    ),
    Family(
        "orders of several groups",
        "r_PERCENTILE_CONT",
        [
            "SELECT {first}(0.5) WITHIN GROUP (ORDER BY a), {second}(0.9) WITHIN GROUP (ORDER BY {order}) FROM t"
        ],
        {
            "first": ["PERCENTILE_CONT", "PERCENTILE_DISC"],
            "second": ["PERCENTILE_CONT", "PERCENTILE_DISC"],
            "order": ["b", "a DESC", "a + 1"],
        },
        rule="same-within-group",
    ),
    Family(
        "comparisons with ALL",
        "r_comparison_condition",
        [
            "SELECT a FROM t WHERE a {sign} ALL (SELECT b FROM u)",
            "DELETE FROM t WHERE a {sign} ALL (SELECT b FROM u)",
        ],
        {"sign": ["=", "<", ">", "<=", ">="]},
        rule="compared-with-all",
    ),
    Family(
        "comparisons with <> ALL and ANY",
        "r_comparison_condition",
        ["SELECT a FROM t WHERE a {sign} (SELECT b FROM u)"],
        {"sign": ["<> ALL", "= ANY", "= SOME"]},
    ),
)
