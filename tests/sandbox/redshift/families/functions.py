"""Functions: those of the reference, those that PostgreSQL alone has, those of the leader node."""

from tests.sandbox.redshift.families.calls import AGGREGATES, CALLS, UNSUPPORTED
from tests.sandbox.redshift.families.family import Family, lines, words

_FRAMES = [
    "SELECT {call} FROM t",
    "SELECT a FROM t WHERE {call} IS NOT NULL",
    "SELECT {call}, COUNT(*) FROM t GROUP BY 1",
]
_SCHEMAS = lines("""
    CURRENT_SCHEMA()
    CURRENT_SCHEMAS(TRUE)
    HAS_DATABASE_PRIVILEGE('d', 'create')
    HAS_SCHEMA_PRIVILEGE('s', 'usage')
    HAS_TABLE_PRIVILEGE('t', 'select')
    VERSION()
""")
LEADER = _SCHEMAS + lines("""
    AGE(b)
    AGE(b, c)
    CURRENT_TIME
    CURRENT_TIMESTAMP
    LOCALTIME
    ISFINITE(b)
    NOW()
    GET_BYTE(b, 1)
    SET_BYTE(b, 1, 2)
    SET_BIT(b, 1, 0)
    TO_ASCII(b)
    SUBSTR(b, 2)
    SUBSTR(b, 2, 3)
    FACTORIAL(5)
""")
_DATE_PARTS = words(
    """
    millennium millennia mil mils century centuries c cent cents decade decades dec decs epoch year years y yr yrs
    quarter quarters qtr qtrs month months mon mons week weeks w dow dayofweek weekday doy dayofyear day days d hour
    hours h hr hrs minute minutes m min mins second seconds s sec secs millisecond milliseconds ms msec msecs
    microsecond microseconds microsec microsecs us
    """
)
_TOO_MANY = words(
    """
    ABS ACOS ASIN ATAN CBRT CEIL CEILING COS COT DEGREES EXP FLOOR LN RADIANS SIGN SIN SQRT TAN ASCII CHR INITCAP LEN
    LENGTH CHAR_LENGTH LOWER UPPER OCTET_LENGTH QUOTE_IDENT QUOTE_LITERAL REVERSE TEXTLEN MD5 LAST_DAY MEDIAN
    IS_VALID_JSON SUM AVG MIN MAX STDDEV_POP VAR_POP BOOL_AND BIT_OR
    """
)
_TWO = words(
    "ATAN2 MOD POWER CHARINDEX CONCAT LEFT RIGHT REPEAT REPLICATE STRPOS SHA2 STRTOL NULLIF ADD_MONTHS DATE_CMP TO_CHAR"
)

FAMILIES = (
    *(Family(f"functions of {page}", page, _FRAMES, {"call": calls}) for page, calls in CALLS.items()),
    Family(
        "aggregates",
        "c_Aggregate_Functions",
        [
            "SELECT {call} FROM t",
            "SELECT b, {call} FROM t GROUP BY b",
            "SELECT b FROM t GROUP BY b HAVING {call} IS NULL",
        ],
        {"call": AGGREGATES},
    ),
    Family(
        "functions of the leader node without a table",
        "c_SQL_functions_leader_node_only",
        ["SELECT {call}", "SELECT {call} FROM pg_class"],
        {"call": [call for call in LEADER if "(b" not in call]},
    ),
    Family(
        "functions of the leader node beside a table of a user",
        "c_SQL_functions_leader_node_only",
        [
            "SELECT {call} FROM t",
            "SELECT a FROM t WHERE {call} IS NULL",
            "INSERT INTO t SELECT {call} FROM u",
            "UPDATE t SET a = {call}",
            "DELETE FROM t WHERE a = {call}",
            "CREATE TABLE t AS SELECT {call} AS b FROM u",
            "SELECT a FROM t ORDER BY {call}",
        ],
        {"call": LEADER},
        rule="leader-node-only",
    ),
    Family(
        "functions of the leader node beside a system table",
        "r_CURRENT_SCHEMA",
        ["SELECT {call} FROM {table}", "SELECT 1 FROM {table} WHERE {call} IS NULL"],
        {
            "call": _SCHEMAS,
            "table": ["svv_tables", "svv_columns", "stl_query", "stv_sessions", "pg_catalog.svv_tables"],
        },
        rule="leader-node-only",
    ),
    Family(
        "functions of PostgreSQL that are listed as unsupported",
        "c_unsupported-postgresql-functions",
        [
            "SELECT {call}",
            "SELECT {call} FROM t",
            "SELECT a FROM t WHERE {call} IS NULL",
            "UPDATE t SET a = {call}",
            "INSERT INTO t SELECT {call} FROM u",
        ],
        {"call": UNSUPPORTED},
        rule="unsupported-function",
    ),
    Family(
        "date parts",
        "r_Dateparts_for_datetime_functions",
        [
            "SELECT DATEADD({part}, 1, a) FROM t",
            "SELECT DATEDIFF({part}, a, b) FROM t",
            "SELECT EXTRACT({part} FROM a) FROM t",
            "SELECT DATE_PART({part}, a) FROM t",
            "SELECT DATE_TRUNC('{part}', a) FROM t",
        ],
        {"part": _DATE_PARTS},
    ),
    Family(
        "words that are no date part",
        "r_Dateparts_for_datetime_functions",
        [
            "SELECT DATEADD({part}, 1, a) FROM t",
            "SELECT DATEDIFF({part}, a, b) FROM t",
            "SELECT EXTRACT({part} FROM a) FROM t",
            "SELECT DATE_TRUNC('{part}', a) FROM t",
        ],
        {"part": words("fortnight nonsense julian isoyear isodow jiffy eon moment")},
        rule="arguments",
    ),
    Family(
        "two arguments where the page has one",
        "c_SQL_functions",
        ["SELECT {name}(a, b) FROM t", "SELECT {name}() FROM t"],
        {"name": _TOO_MANY},
        rule="arguments",
    ),
    Family(
        "one argument or three where the page has two",
        "c_SQL_functions",
        ["SELECT {name}(a) FROM t", "SELECT {name}(a, b, c) FROM t"],
        {"name": _TWO},
        rule="arguments",
    ),
)
