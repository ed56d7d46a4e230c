"""Functions: those of the reference, those that PostgreSQL alone has, those of the leader node."""

from tests.sandbox.redshift.families.family import Family, lines, words

_FRAMES = [
    "SELECT {call} FROM t",
    "SELECT a FROM t WHERE {call} IS NOT NULL",
    "SELECT {call}, COUNT(*) FROM t GROUP BY 1",
]
CALLS = {
    "String_functions_header": lines("""
        ASCII(a)
        BPCHARCMP(a, b)
        BTRIM(a)
        BTRIM(a, 'x')
        CHAR_LENGTH(a)
        CHARACTER_LENGTH(a)
        CHARINDEX('x', a)
        CHR(65)
        CONCAT(a, b)
        CRC32(a)
        INITCAP(a)
        LEFT(a, 3)
        RIGHT(a, 3)
        LEN(a)
        LENGTH(a)
        LOWER(a)
        UPPER(a)
        LPAD(a, 5)
        LPAD(a, 5, 'x')
        RPAD(a, 5, 'x')
        LTRIM(a, 'x')
        RTRIM(a, 'x')
        LTRIM(a)
        OCTET_LENGTH(a)
        POSITION('x' IN a)
        QUOTE_IDENT(a)
        QUOTE_LITERAL(a)
        REGEXP_COUNT(a, 'x')
        REGEXP_INSTR(a, 'x')
        REGEXP_REPLACE(a, 'x')
        REGEXP_REPLACE(a, 'x', 'y')
        REGEXP_SUBSTR(a, 'x')
        REGEXP_SUBSTR(a, 'x', 2)
        REPEAT(a, 2)
        REPLACE(a, 'x', 'y')
        REPLICATE(a, 2)
        REVERSE(a)
        SPLIT_PART(a, ',', 1)
        STRPOS(a, 'x')
        STRTOL(a, 16)
        SUBSTRING(a, 2)
        SUBSTRING(a, 1, 2)
        TEXTLEN(a)
        TRANSLATE(a, 'x', 'y')
        TRIM(a)
        TRIM(BOTH 'x' FROM a)
        a || b
    """),
    "Math_functions": lines("""
        ABS(a)
        ACOS(a)
        ASIN(a)
        ATAN(a)
        ATAN2(a, b)
        CBRT(a)
        CEIL(a)
        CEILING(a)
        COS(a)
        COT(a)
        DEGREES(a)
        EXP(a)
        FLOOR(a)
        LN(a)
        LOG(a)
        MOD(a, 2)
        PI()
        POWER(a, 2)
        RADIANS(a)
        RANDOM()
        ROUND(a)
        ROUND(a, 2)
        SIN(a)
        SIGN(a)
        SQRT(a)
        TAN(a)
        TRUNC(a)
        TRUNC(a, 2)
        a ^ 2
        a % 3
        |/ a
        @ a
        a & b
        a | b
        ~ a
        a << 2
        a >> 2
    """),
    "Date_functions_header": lines("""
        GETDATE()
        SYSDATE
        CURRENT_DATE
        ADD_MONTHS(a, 3)
        DATE_CMP(a, b)
        TIMESTAMP_CMP(a, b)
        LAST_DAY(a)
        TRUNC(a)
        CONVERT_TIMEZONE('UTC', a)
        CONVERT_TIMEZONE('UTC', 'EST', a)
        a AT TIME ZONE 'UTC'
    """),
    "c_conditional_expressions": lines("""
        COALESCE(a, b)
        COALESCE(a, b, c, 0)
        NVL(a, b)
        NVL(a, b, c)
        NVL2(a, b, c)
        NULLIF(a, b)
        GREATEST(a, b)
        LEAST(a, b, c)
        DECODE(a, 1, 'x')
        DECODE(a, 1, 'x', 2, 'y', 'z')
        CASE WHEN a > 1 THEN b ELSE c END
        CASE a WHEN 1 THEN b END
    """),
    "r_Data_type_formatting": lines("""
        TO_CHAR(a, '999D99')
        TO_CHAR(a, 'YYYY-MM-DD')
        TO_DATE(a, 'YYYYMMDD')
        TO_NUMBER(a, '999')
        CAST(a AS INT)
        CONVERT(INT, a)
    """),
    "hash-functions": lines("""
        MD5(a)
        SHA2(a, 256)
        SHA2(a, 512)
    """),
    "json-functions": lines("""
        IS_VALID_JSON(a)
        IS_VALID_JSON_ARRAY(a)
        JSON_ARRAY_LENGTH(a)
        JSON_EXTRACT_PATH_TEXT(a, 'x')
        JSON_EXTRACT_PATH_TEXT(a, 'x', 'y')
    """),
}
AGGREGATES = lines("""
    COUNT(*)
    COUNT(a)
    COUNT(ALL a)
    COUNT(DISTINCT a)
    SUM(a)
    SUM(DISTINCT a)
    AVG(a)
    MIN(a)
    MAX(a)
    MEDIAN(a)
    ANY_VALUE(a)
    LISTAGG(a)
    LISTAGG(a, ',') WITHIN GROUP (ORDER BY a)
    LISTAGG(DISTINCT a, ',') WITHIN GROUP (ORDER BY a)
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a)
    STDDEV(a)
    STDDEV_SAMP(a)
    STDDEV_POP(a)
    VARIANCE(a)
    VAR_SAMP(a)
    VAR_POP(a)
    BIT_AND(a)
    BIT_OR(a)
    BOOL_AND(a)
    BOOL_OR(a)
""")
UNSUPPORTED = lines("""
    STRING_AGG(a, ',')
    ARRAY_AGG(a)
    EVERY(a)
    CORR(a, b)
    COVAR_POP(a, b)
    COVAR_SAMP(a, b)
    REGR_AVGX(a, b)
    REGR_AVGY(a, b)
    REGR_COUNT(a, b)
    REGR_INTERCEPT(a, b)
    REGR_R2(a, b)
    REGR_SLOPE(a, b)
    REGR_SXX(a, b)
    REGR_SXY(a, b)
    REGR_SYY(a, b)
    CLOCK_TIMESTAMP()
    JUSTIFY_DAYS(a)
    JUSTIFY_HOURS(a)
    JUSTIFY_INTERVAL(a)
    PG_SLEEP(1)
    TRANSACTION_TIMESTAMP()
    ENUM_FIRST(a)
    ENUM_LAST(a)
    ENUM_RANGE(a)
    DIV(a, 2)
    SETSEED(1)
    WIDTH_BUCKET(a, 1, 2, 3)
    GENERATE_SUBSCRIPTS(a, 1)
    CURRVAL('s')
    NEXTVAL('s')
    SETVAL('s', 1)
    LASTVAL()
    BIT_LENGTH(a)
    CONVERT_FROM(a, 'UTF8')
    CONVERT_TO(a, 'UTF8')
    ENCODE(a, 'hex')
    FORMAT('x', a)
    QUOTE_NULLABLE(a)
    REGEXP_MATCHES(a, 'x')
    REGEXP_SPLIT_TO_ARRAY(a, 'x')
    REGEXP_SPLIT_TO_TABLE(a, 'x')
    PG_ADVISORY_LOCK(1)
    PG_TRY_ADVISORY_LOCK(1)
    PG_ADVISORY_XACT_LOCK(1)
    PG_ADVISORY_UNLOCK(1)
    ARRAY_APPEND(a, 1)
    ARRAY_PREPEND(1, a)
    ARRAY_CAT(a, b)
    ARRAY_LENGTH(a, 1)
    ARRAY_NDIMS(a)
    ARRAY_FILL(1, a)
    UNNEST(a)
    PG_START_BACKUP('x')
    PG_STOP_BACKUP()
    PG_SWITCH_XLOG()
    PG_TABLESPACE_SIZE('x')
    PG_DATABASE_SIZE('x')
    PG_RELATION_SIZE('x')
    PG_TOTAL_RELATION_SIZE('x')
    PG_COLUMN_SIZE(a)
    PG_RELATION_FILEPATH('x')
    PG_READ_FILE('x')
    PG_LS_DIR('x')
    PG_STAT_FILE('x')
    AREA(a)
    CENTER(a)
    DIAMETER(a)
    HEIGHT(a)
    BROADCAST(a)
    FAMILY(a)
    HOST(a)
    MASKLEN(a)
    NETMASK(a)
    NETWORK(a)
    ISEMPTY(a)
    LOWER_INC(a)
    PG_IS_IN_RECOVERY()
    PG_CANCEL_BACKEND(1)
    PG_RELOAD_CONF()
    PG_EXPORT_SNAPSHOT()
    CURRENT_QUERY()
    INET_CLIENT_ADDR()
    INET_CLIENT_PORT()
    INET_SERVER_ADDR()
    INET_SERVER_PORT()
    PG_CONF_LOAD_TIME()
    PG_IS_OTHER_TEMP_SCHEMA(1)
    PG_LISTENING_CHANNELS()
    PG_MY_TEMP_SCHEMA()
    PG_POSTMASTER_START_TIME()
    PG_TRIGGER_DEPTH()
    TO_TSVECTOR(a)
    TO_TSQUERY('x')
    TS_HEADLINE(a, b)
    TS_RANK(a, b)
    TXID_CURRENT()
    TXID_CURRENT_SNAPSHOT()
    XMLCOMMENT(a)
    XMLPARSE(a)
    XPATH('x', a)
""")
"""c_unsupported-postgresql-functions; where it names a kind, PostgreSQL's functions of that kind."""
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
        {"call": _SCHEMAS, "table": ["svv_tables", "svv_columns", "stl_query", "stv_sessions", "pg_catalog.svv_tables"]},
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
