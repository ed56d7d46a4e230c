"""Types, conditions and windows."""

from tests.sandbox.redshift.families.family import Family, lines, words

TYPES = lines("""
    SMALLINT
    INT2
    INTEGER
    INT
    INT4
    BIGINT
    INT8
    DECIMAL
    DECIMAL(9)
    DECIMAL(18, 4)
    DECIMAL(38, 37)
    NUMERIC(1, 0)
    NUMERIC(38, 0)
    REAL
    FLOAT4
    DOUBLE PRECISION
    FLOAT8
    FLOAT
    BOOLEAN
    BOOL
    CHAR(1)
    CHAR(4096)
    CHARACTER(9)
    NCHAR(9)
    VARCHAR(1)
    VARCHAR(65535)
    VARCHAR(MAX)
    CHARACTER VARYING(9)
    NVARCHAR(9)
    DATE
    TIME
    TIME WITHOUT TIME ZONE
    TIMETZ
    TIME WITH TIME ZONE
    TIMESTAMP
    TIMESTAMP WITHOUT TIME ZONE
    TIMESTAMPTZ
    TIMESTAMP WITH TIME ZONE
""")
_WITHOUT_LENGTH = words("VARCHAR CHAR NVARCHAR NCHAR TEXT BPCHAR CHARACTER")
UNSUPPORTED = lines("""
    BYTEA
    HSTORE
    JSON
    JSONB
    MONEY
    SERIAL
    BIGSERIAL
    SMALLSERIAL
    SERIAL4
    SERIAL8
    UUID
    XML
    INET
    CIDR
    MACADDR
    POINT
    LINE
    LSEG
    BOX
    PATH
    POLYGON
    CIRCLE
    TSVECTOR
    TSQUERY
    TXID_SNAPSHOT
    INT4RANGE
    INT8RANGE
    NUMRANGE
    TSRANGE
    TSTZRANGE
    DATERANGE
    BIT
    VARBIT
    ANYELEMENT
    CSTRING
    RECORD
    MOOD
""")
"""c_unsupported-postgresql-datatypes; where it names a kind, PostgreSQL's types of that kind."""
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
_RANKS = words("ROW_NUMBER() RANK() DENSE_RANK() PERCENT_RANK() CUME_DIST() NTILE(4)")
_SHIFTS = ["LAG(a)", "LAG(a, 2)", "LEAD(a)", "LEAD(a, 1)"]
_SUMS = words(
    "SUM(a) AVG(a) COUNT(*) COUNT(a) MIN(a) MAX(a) STDDEV_POP(a) STDDEV_SAMP(a) VAR_POP(a) VAR_SAMP(a)"
)
_VALUES = ["FIRST_VALUE(a)", "LAST_VALUE(a)", "NTH_VALUE(a, 2)"]
_ROWS = lines("""
    UNBOUNDED PRECEDING
    CURRENT ROW
    2 PRECEDING
    BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    BETWEEN 2 PRECEDING AND 2 FOLLOWING
    BETWEEN CURRENT ROW AND 1 FOLLOWING
""")
_TYPE_PLACES = [
    "CREATE TABLE t (a {type})",
    "ALTER TABLE t ADD COLUMN a {type}",
    "CREATE TEMP TABLE t (a INT, b {type} NOT NULL)",
]

FAMILIES = (
    Family("types of columns", "c_Supported_data_types", _TYPE_PLACES, {"type": [*TYPES, *_WITHOUT_LENGTH]}),
    Family(
        "types of casts",
        "r_CAST_function",
        [
            "SELECT CAST(a AS {type}) FROM t",
            "SELECT a::{type} FROM t",
            "SELECT a FROM t WHERE b = 'x'::{type}",
        ],
        {"type": TYPES},
    ),
    Family(
        "types that are unsupported",
        "c_unsupported-postgresql-datatypes",
        [*_TYPE_PLACES, "SELECT CAST(a AS {type}) FROM t", "SELECT a::{type} FROM t"],
        {"type": UNSUPPORTED},
        rule="unknown-type",
    ),
    Family(
        "columns that are arrays",
        "c_unsupported-postgresql-datatypes",
        _TYPE_PLACES,
        {"type": ["INT[]", "VARCHAR(9)[]", "DATE[]", "TIMESTAMP[]", "DECIMAL(9, 2)[]"]},
        rule="array-type",
    ),
    Family(
        "lengths beyond the types'",
        "r_Character_types",
        _TYPE_PLACES,
        {
            "type": [
                "VARCHAR(0)",
                "VARCHAR(65536)",
                "VARCHAR(1000000)",
                "CHAR(0)",
                "CHAR(4097)",
                "CHARACTER(65535)",
                "NCHAR(5000)",
                "NVARCHAR(65536)",
                "CHARACTER VARYING(70000)",
                "TEXT(9)",
                "BPCHAR(9)",
            ]
        },
        rule="character-length",
    ),
    Family(
        "precisions beyond the type's",
        "r_Numeric_types201",
        [*_TYPE_PLACES, "SELECT CAST(a AS {type}) FROM t"],
        {
            "type": [
                "DECIMAL(39)",
                "DECIMAL(0)",
                "DECIMAL(39, 2)",
                "DECIMAL(9, 10)",
                "NUMERIC(100, 2)",
                "NUMERIC(38, 38)",
                "NUMERIC(5, 6)",
            ]
        },
        rule="decimal-precision",
    ),
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
    Family(
        "ranks",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b DESC, d) FROM t",
            "SELECT a, {call} OVER (PARTITION BY c, d ORDER BY b) AS r FROM t WHERE a > 1",
        ],
        {"call": [*_RANKS, *_SHIFTS]},
    ),
    Family(
        "windows without an order",
        "c_Window_functions",
        [
            "SELECT {call} OVER () FROM t",
            "SELECT {call} OVER (PARTITION BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY b, c) AS s FROM t",
        ],
        {"call": [*_SUMS, *_VALUES]},
    ),
    Family(
        "windows with an order and rows",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b ROWS {rows}) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b ROWS {rows}) FROM t",
        ],
        {"call": [*_SUMS, *_VALUES], "rows": _ROWS},
    ),
    Family(
        "windows with an order and no rows",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b DESC) FROM t",
            "INSERT INTO u SELECT {call} OVER (PARTITION BY c, d ORDER BY b) FROM t",
        ],
        {"call": [*_SUMS, *_VALUES]},
        rule="window-frame",
    ),
    Family(
        "windows of a range or of groups",
        "c_Window_functions",
        ["SELECT {call} OVER (ORDER BY b {kind} {rows}) FROM t"],
        {"call": ["SUM(a)", "COUNT(*)", "FIRST_VALUE(a)"], "kind": ["RANGE", "GROUPS"], "rows": _ROWS[:4]},
        rule="window-frame",
    ),
    Family(
        "nulls that a window leaves out",
        "r_WF_first_value",
        [
            "SELECT {call} IGNORE NULLS OVER (ORDER BY b) FROM t",
            "SELECT {call} RESPECT NULLS OVER (PARTITION BY c ORDER BY b) FROM t",
        ],
        {"call": _SHIFTS},
        rule="window-nulls",
    ),
)
