"""Queries and changes: clauses of their pages, and clauses of PostgreSQL alone."""

from tests.sandbox.redshift.families.family import Family, lines, words

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
_CHANGES = [
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t (a) VALUES (1), (2)",
    "INSERT INTO t SELECT a FROM u",
    "UPDATE t SET a = 1",
    "UPDATE t SET a = b WHERE c = 1",
    "DELETE FROM t",
    "DELETE FROM t WHERE a = 1",
]
_GROUPS = ["a", "a, b", "1", "1, 2", "ROLLUP (a, b)", "CUBE (a, b)", "GROUPING SETS ((a), (a, b), ())"]
_ORDERS = ["a", "a DESC", "a ASC, b DESC", "1", "a NULLS FIRST", "a DESC NULLS LAST", "LOWER(a)", "a + b"]
_MERGE = "MERGE INTO t USING {source} ON {on} "
_MATCHED = [
    "WHEN MATCHED THEN UPDATE SET b = u.b",
    "WHEN MATCHED THEN UPDATE SET b = u.b, c = 1",
    "WHEN MATCHED THEN DELETE",
]
_NEW = [
    "WHEN NOT MATCHED THEN INSERT VALUES (u.a, u.b)",
    "WHEN NOT MATCHED THEN INSERT (a) VALUES (u.a)",
    "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (u.a, 1)",
]
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
            "query": _QUERIES[1:3] + ["SELECT a FROM t ORDER BY a", "SELECT * FROM t JOIN u USING (a)"],
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
    Family("changes", "r_INSERT_30", ["{change}", "EXPLAIN {change}"], {"change": _CHANGES}),
    Family(
        "more changes",
        "c_SQL_commands",
        ["{change}"],
        {
            "change": lines("""
        INSERT INTO t DEFAULT VALUES
        INSERT INTO t VALUES (DEFAULT, 1)
        INSERT INTO t (SELECT a FROM u)
        INSERT INTO t WITH q AS (SELECT 1 AS a) SELECT a FROM q
        UPDATE t SET a = DEFAULT
        UPDATE t AS x SET a = 1
        UPDATE t x SET a = 1 WHERE x.b = 2
        UPDATE t SET a = u.a FROM u WHERE t.b = u.b
        UPDATE t SET a = (SELECT MAX(b) FROM u)
        UPDATE t SET a = q.a FROM (SELECT a FROM u) AS q
        WITH q AS (SELECT 1 AS a) UPDATE t SET a = q.a FROM q
        DELETE t
        DELETE t WHERE a = 1
        DELETE FROM t USING u WHERE t.a = u.a
        DELETE FROM t USING u, v WHERE t.a = u.a AND t.b = v.b
        WITH q AS (SELECT 1 AS a) DELETE FROM t USING q WHERE t.a = q.a
        DELETE FROM t WHERE a IN (SELECT a FROM u)
        TRUNCATE t
        TRUNCATE TABLE t
        TRUNCATE TABLE s.t
    """)
        },
    ),
    Family(
        "RETURNING",
        "r_INSERT_30",
        ["{change} RETURNING {list}"],
        {"change": _CHANGES, "list": ["a", "*", "a, b", "a AS b", "a + 1"]},
        rule="returning",
    ),
    Family(
        "ON CONFLICT",
        "r_INSERT_30",
        ["{change} ON CONFLICT {what}"],
        {
            "change": _CHANGES[:3],
            "what": [
                "DO NOTHING",
                "(a) DO NOTHING",
                "(a) DO UPDATE SET b = 1",
                "(a, b) DO UPDATE SET c = excluded.c",
            ],
        },
        rule="on-conflict",
    ),
    Family(
        "several columns at once",
        "r_UPDATE",
        [
            "UPDATE t SET (a, b) = {value}",
            "UPDATE t SET c = 1, (a, b) = {value}",
            "UPDATE t SET (a, b) = {value} WHERE c = 1",
        ],
        {"value": ["(1, 2)", "(b, a)", "(SELECT 1, 2)"]},
        rule="update-tuple",
    ),
    Family(
        "a target with its table",
        "r_UPDATE",
        [
            "UPDATE t SET t.a = {value}",
            "UPDATE t SET b = 1, t.a = {value}",
            "UPDATE t SET t.a = {value} WHERE t.b = 1",
            "UPDATE t SET t.a = {value} FROM u WHERE t.b = u.b",
        ],
        {"value": ["1", "b", "t.b", "NULL"]},
        rule="update-column",
    ),
    Family(
        "truncations of more",
        "r_TRUNCATE",
        ["TRUNCATE {rest}", "TRUNCATE TABLE {rest}"],
        {
            "rest": [
                "t, u",
                "t CASCADE",
                "t RESTRICT",
                "t RESTART IDENTITY",
                "t CONTINUE IDENTITY",
                "s.t, u, v",
            ]
        },
        rule="truncate-one",
    ),
    Family(
        "merges",
        "r_MERGE",
        [_MERGE + "{matched} {new}"],
        {
            "source": ["u", "s.x AS u", "x u"],
            "on": ["t.a = u.a", "t.a = u.a AND t.c = u.c"],
            "matched": _MATCHED,
            "new": _NEW,
        },
    ),
    Family(
        "merges with one clause",
        "r_MERGE",
        ["MERGE INTO t USING u ON t.a = u.a {only}"],
        {"only": [*_MATCHED, *_NEW]},
        rule="merge-clauses",
    ),
    Family(
        "merges with conditions",
        "r_MERGE",
        [
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED AND {test} THEN UPDATE SET b = 1 {new}",
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND {test} THEN INSERT VALUES (u.a)",
        ],
        {"test": ["u.c = 1", "t.b IS NULL", "u.d > t.d"], "new": _NEW},
        rule="merge-clauses",
    ),
    Family(
        "merges in the other order",
        "r_MERGE",
        ["MERGE INTO t USING u ON t.a = u.a {new} {matched}"],
        {"matched": _MATCHED, "new": _NEW},
        rule="merge-clauses",
    ),
    Family(
        "merges whose target has an alias",
        "r_MERGE",
        ["MERGE INTO t {alias} USING u ON x.a = u.a {matched} {new}"],
        {"alias": ["x", "AS x"], "matched": _MATCHED, "new": _NEW},
        rule="merge-target-alias",
    ),
    Family(
        "merges from a query",
        "r_MERGE",
        ["MERGE INTO t USING ({query}) AS u ON t.a = u.a {matched} {new}"],
        {"query": ["SELECT a FROM x", "SELECT 1 AS a"], "matched": _MATCHED, "new": _NEW},
        rule="merge-source",
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
    Family(
        "changes in WITH",
        "r_WITH_clause",
        ["WITH q AS ({change}) DELETE FROM v", "WITH q AS ({change}) UPDATE v SET a = 1"],
        {"change": _CHANGES[3:]},
        rule="change-in-with",
    ),
)
