"""Conditions, and what else stands in expressions."""

from tests.sandbox.redshift.families.family import Family, lines

CONDITIONS = lines("""
    a = 1
    a <> 1
    a != 1
    a < 1
    a <= b
    a > 1.5
    a >= -1
    a = 1 AND b = 2
    a = 1 OR b = 2
    NOT a = 1
    (a = 1 OR b = 2) AND c = 3
    a BETWEEN 1 AND 5
    a NOT BETWEEN 1 AND 5
    a IN (1, 2, 3)
    a NOT IN (1, 2)
    a IN (SELECT b FROM u)
    a NOT IN (SELECT b FROM u)
    EXISTS (SELECT 1 FROM u)
    NOT EXISTS (SELECT 1 FROM u WHERE u.b = 1)
    a IS NULL
    a IS NOT NULL
    c IS TRUE
    c IS NOT FALSE
    a LIKE 'x%'
    a NOT LIKE 'x_'
    a LIKE 'x|%' ESCAPE '|'
    a ILIKE 'X%'
    a NOT ILIKE 'x'
    a SIMILAR TO 'x(y|z)'
    a NOT SIMILAR TO 'x'
    a ~ '^x'
    a !~ 'x'
    a = (SELECT MAX(b) FROM u)
    a = 'it''s'
    a = DATE '2026-01-01'
    a > GETDATE()
""")

FAMILIES = (
    Family(
        "conditions",
        "r_conditions",
        [
            "SELECT a FROM t WHERE {test}",
            "DELETE FROM t WHERE {test}",
            "UPDATE t SET d = 1 WHERE {test}",
            "SELECT CASE WHEN d = 1 THEN 2 END FROM t WHERE {test} ORDER BY 1",
            "INSERT INTO t SELECT a FROM t WHERE {test}",
            "CREATE VIEW v AS SELECT a FROM t WHERE {test}",
        ],
        {"test": CONDITIONS},
    ),
    Family(
        "IS DISTINCT FROM",
        "c_unsupported-postgresql-functions",
        [
            "SELECT a FROM t WHERE {left} IS DISTINCT FROM {right}",
            "DELETE FROM t WHERE {left} IS DISTINCT FROM {right}",
            "SELECT {left} IS DISTINCT FROM {right} FROM t",
        ],
        {"left": ["a", "t.a", "LOWER(a)"], "right": ["b", "NULL", "1", "'x'"]},
        rule="distinct-from",
    ),
    Family(
        "IS NOT DISTINCT FROM",
        "c_unsupported-postgresql-functions",
        [
            "SELECT a FROM t WHERE a IS NOT DISTINCT FROM {right}",
            "UPDATE t SET c = 1 WHERE a IS NOT DISTINCT FROM {right}",
        ],
        {"right": ["b", "NULL", "1", "'x'", "b + 1"]},
        rule="not-distinct-from",
    ),
    Family(
        "operators of PostgreSQL alone",
        "pattern-matching-conditions-posix",
        ["SELECT a FROM t WHERE {test}", "DELETE FROM t WHERE {test}", "UPDATE t SET b = 1 WHERE {test}"],
        {
            "test": [
                "a ~* 'x'",
                "a !~* 'x'",
                "a @> b",
                "a <@ b",
                "a -> 'x' = 'y'",
                "a ->> 'x' = 'y'",
                "a #>> 'x' = 'y'",
            ]
        },
        rule="unknown-clause",
    ),
    Family(
        "a Boolean test in a select list",
        "r_Boolean_type",
        ["SELECT {test} FROM t", "SELECT a, {test} AS b FROM t", "SELECT CASE WHEN {test} THEN 1 END FROM t"],
        {
            "test": [
                "c IS TRUE",
                "c IS FALSE",
                "c IS NOT TRUE",
                "c IS NOT FALSE",
                "t.c IS TRUE",
                "(c = d) IS TRUE",
            ]
        },
        rule="is-boolean",
    ),
    Family(
        "constructors of arrays",
        "c_unsupported-postgresql-features",
        ["SELECT {made} FROM t", "SELECT a FROM t WHERE a = ANY ({made})", "INSERT INTO t VALUES ({made})"],
        {"made": ["ARRAY[1]", "ARRAY[1, 2]", "ARRAY['x']"]},
        rule="array-literal",
    ),
)
