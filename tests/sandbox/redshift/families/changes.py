"""INSERT, UPDATE, DELETE, MERGE and TRUNCATE."""

from tests.sandbox.redshift.families.family import Family, lines

_CHANGES = [
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t (a) VALUES (1), (2)",
    "INSERT INTO t SELECT a FROM u",
    "UPDATE t SET a = 1",
    "UPDATE t SET a = b WHERE c = 1",
    "DELETE FROM t",
    "DELETE FROM t WHERE a = 1",
]
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

FAMILIES = (
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
        "changes in WITH",
        "r_WITH_clause",
        ["WITH q AS ({change}) DELETE FROM v", "WITH q AS ({change}) UPDATE v SET a = 1"],
        {"change": _CHANGES[3:]},
        rule="change-in-with",
    ),
)
