"""Functions, each with the number of its arguments and its page.

A function that is not here is refused. `leader` marks those that run on the leader node only: they
may not stand in a statement that reads a table.
"""

from dataclasses import dataclass

from sandbox.redshift.rules.rule import GUIDE, UNDEFINED_FUNCTION, UNSUPPORTED, gap, rule

UNKNOWN_FUNCTION = rule(
    "unknown-function",
    "functions",
    "A function that is not in the SQL functions reference is refused.",
    "c_SQL_functions",
    UNDEFINED_FUNCTION,
)
ARGUMENTS = rule(
    "arguments",
    "functions",
    "A function takes the arguments of its page.",
    "c_SQL_functions",
    UNDEFINED_FUNCTION,
)
LEADER_ONLY = rule(
    "leader-node-only",
    "functions",
    "A function of the leader node cannot be used in a statement that reads or writes tables.",
    "c_SQL_functions_leader_node_only",
    UNSUPPORTED,
)
UNSUPPORTED_FUNCTION = rule(
    "unsupported-function",
    "functions",
    "Functions of PostgreSQL on this list do not exist in Redshift.",
    "c_unsupported-postgresql-functions",
    UNDEFINED_FUNCTION,
)
FUNCTION_GAP = gap(
    "function-gap", "functions", "Redshift has the function; the stand-in does not.", "c_SQL_functions"
)


@dataclass(frozen=True)
class Function:
    """One function of Redshift."""

    name: str
    least: int
    most: int
    page: str
    leader: bool = False
    kind: str = "scalar"
    """scalar, aggregate (also a window function) or window."""


def _of(page: str, listed: str, *, kind: str = "scalar", leader: bool = False) -> dict[str, Function]:
    """`listed`: names with the number of their arguments, such as `LEFT:2` or `ROUND:1-2`."""
    found = {}
    for entry in listed.split():
        name, _, count = entry.partition(":")
        least, _, most = count.partition("-")
        found[name] = Function(name, int(least), int(most or least), f"{GUIDE}{page}.html", leader, kind)
    return found


_MANY = "1-1000"
FUNCTIONS: dict[str, Function] = {
    **_of(
        "c_Aggregate_Functions",
        "AVG:1 COUNT:1 MAX:1 MIN:1 SUM:1 STDDEV:1 STDDEV_SAMP:1 STDDEV_POP:1 VARIANCE:1 VAR_SAMP:1 VAR_POP:1 "
        "MEDIAN:1 LISTAGG:1-2 PERCENTILE_CONT:1 PERCENTILE_DISC:1 ANY_VALUE:1",
        kind="aggregate",
    ),
    **_of("c_bitwise_aggregate_functions", "BIT_AND:1 BIT_OR:1 BOOL_AND:1 BOOL_OR:1", kind="aggregate"),
    **_of(
        "c_Window_functions",
        "ROW_NUMBER:0 RANK:0 DENSE_RANK:0 PERCENT_RANK:0 CUME_DIST:0 NTILE:1 LAG:1-2 LEAD:1-2 FIRST_VALUE:1 "
        "LAST_VALUE:1 NTH_VALUE:2 ",
        kind="window",
    ),
    **_of(
        "c_conditional_expressions",
        f"COALESCE:{_MANY} NVL:{_MANY} NVL2:3 NULLIF:2 GREATEST:{_MANY} LEAST:{_MANY}",
    ),
    **_of("r_DECODE_expression", "DECODE:3-1000"),
    **_of(
        "Date_functions_header",
        "GETDATE:0 DATEADD:3 DATE_ADD:3 DATEDIFF:3 DATE_PART:2 DATE_TRUNC:2 ADD_MONTHS:2 LAST_DAY:1 "
        "TRUNC:1-2 CONVERT_TIMEZONE:2-3 DATE_CMP:2 TIMESTAMP_CMP:2 DATE:1 SYSDATE:0",
    ),
    **_of(
        "Math_functions",
        "ABS:1 ACOS:1 ASIN:1 ATAN:1 ATAN2:2 CBRT:1 CEIL:1 CEILING:1 COS:1 COT:1 DEGREES:1 EXP:1 "
        "FLOOR:1 LN:1 LOG:1-2 MOD:2 PI:0 POWER:2 RADIANS:1 RANDOM:0 ROUND:1-2 SIGN:1 SIN:1 SQRT:1 TAN:1",
    ),
    **_of(
        "String_functions_header",
        "ASCII:1 BTRIM:1-2 CHR:1 CHARINDEX:2 CONCAT:2 INITCAP:1 LEFT:2 RIGHT:2 LEN:1 LENGTH:1 CHAR_LENGTH:1 "
        "CHARACTER_LENGTH:1 TEXTLEN:1 LOWER:1 UPPER:1 LPAD:2-3 RPAD:2-3 LTRIM:1-2 RTRIM:1-2 OCTET_LENGTH:1 "
        "QUOTE_IDENT:1 QUOTE_LITERAL:1 REPEAT:2 REPLICATE:2 REPLACE:3 REVERSE:1 SPLIT_PART:3 STRPOS:2 "
        "TRANSLATE:3 REGEXP_REPLACE:2-5 REGEXP_SUBSTR:2-5 REGEXP_COUNT:2-4 REGEXP_INSTR:2-6 BPCHARCMP:2",
    ),
    **_of(
        "r_hash_functions",
        "MD5:1 SHA2:2 CRC32:1 STRTOL:2 TO_HEX:1",
    ),
    **_of("r_Data_type_formatting", "TO_CHAR:2 TO_DATE:2-3 TO_NUMBER:2 TO_TIMESTAMP:2-3"),
    **_of(
        "json-functions",
        "JSON_EXTRACT_PATH_TEXT:2-7 JSON_ARRAY_LENGTH:1-2 IS_VALID_JSON:1 IS_VALID_JSON_ARRAY:1 ",
    ),
    **_of(
        "r_System_information_functions",
        "VERSION:0 PG_BACKEND_PID:0 PG_LAST_COPY_COUNT:0 "
        "CURRENT_SETTING:1 SET_CONFIG:3 CURRENT_DATABASE:0 CURRENT_SCHEMA:0 "
        "CURRENT_SCHEMAS:1 HAS_TABLE_PRIVILEGE:2-3 HAS_SCHEMA_PRIVILEGE:2-3 HAS_DATABASE_PRIVILEGE:2-3 "
        "PG_GET_USERBYID:1 PG_GET_VIEWDEF:1-2 PG_TABLE_IS_VISIBLE:1 FORMAT_TYPE:2 OBJ_DESCRIPTION:1-2 "
        "COL_DESCRIPTION:2 PG_GET_EXPR:2-3 PG_ENCODING_TO_CHAR:1 PG_GET_INDEXDEF:1-3 PG_GET_CONSTRAINTDEF:1-2 "
        "FORMAT_ENCODING:1 ARRAY_TO_STRING:2 PG_GET_LATE_BINDING_VIEW_COLS:0 PG_GET_EXTERNAL_COLUMNS:0",
        leader=True,
    ),
    **_of("r_PG_TERMINATE_BACKEND", "PG_TERMINATE_BACKEND:1", leader=True),
    **_of(
        "c_SQL_functions_leader_node_only",
        "NOW:0 AGE:1-2 ISFINITE:1 FACTORIAL:1 SUBSTR:2-3 STATEMENT_TIMESTAMP:0 GENERATE_SERIES:2-3 "
        "TO_ASCII:1-2 GET_BIT:2 GET_BYTE:2 SET_BIT:3 SET_BYTE:3 ARRAY_UPPER:2 ARRAY_LOWER:2",
        leader=True,
    ),
}
NOT_BESIDE_VIEWS = frozenset(
    """
    CURRENT_SCHEMA CURRENT_SCHEMAS HAS_DATABASE_PRIVILEGE HAS_SCHEMA_PRIVILEGE HAS_TABLE_PRIVILEGE VERSION
    """.split()  # noqa: SIM905 -- a list of words
)
"""Functions whose page says that they fail beside STL and STV tables, SVV and SVL views as well."""
MISSING = frozenset(
    """
    ENUM_FIRST ENUM_LAST ENUM_RANGE STRING_AGG ARRAY_AGG ARRAY_APPEND ARRAY_PREPEND ARRAY_CAT XMLAGG
    CLOCK_TIMESTAMP JUSTIFY_DAYS JUSTIFY_HOURS JUSTIFY_INTERVAL PG_SLEEP TRANSACTION_TIMESTAMP DIV SETSEED
    WIDTH_BUCKET BIT_LENGTH OVERLAY CONVERT_FROM CONVERT_TO ENCODE FORMAT QUOTE_NULLABLE REGEXP_MATCHES
    REGEXP_SPLIT_TO_ARRAY REGEXP_SPLIT_TO_TABLE STRING_TO_ARRAY UNNEST CURRVAL NEXTVAL SETVAL LASTVAL
    GENERATE_SUBSCRIPTS TXID_CURRENT ROW_TO_JSON TO_JSON TO_JSONB JSONB_BUILD_OBJECT JSON_BUILD_OBJECT
    JSON_AGG JSONB_AGG EVERY CORR COVAR_POP COVAR_SAMP REGR_SLOPE MODE CARDINALITY MAKE_DATE MAKE_TIMESTAMP
    STARTS_WITH NUM_NULLS GEN_RANDOM_UUID REGR_AVGX REGR_AVGY REGR_COUNT REGR_INTERCEPT REGR_R2 REGR_SXX REGR_SXY
    REGR_SYY PG_ADVISORY_LOCK PG_TRY_ADVISORY_LOCK PG_ADVISORY_XACT_LOCK PG_TRY_ADVISORY_XACT_LOCK
    PG_ADVISORY_UNLOCK PG_ADVISORY_UNLOCK_ALL PG_ADVISORY_LOCK_SHARED ARRAY_LENGTH ARRAY_NDIMS ARRAY_DIMS ARRAY_FILL
    ARRAY_POSITION ARRAY_REMOVE ARRAY_REPLACE PG_START_BACKUP PG_STOP_BACKUP PG_SWITCH_XLOG PG_TABLESPACE_SIZE
    PG_DATABASE_SIZE PG_RELATION_SIZE PG_TABLE_SIZE PG_INDEXES_SIZE PG_TOTAL_RELATION_SIZE PG_COLUMN_SIZE
    PG_SIZE_PRETTY PG_RELATION_FILENODE PG_RELATION_FILEPATH PG_READ_FILE PG_READ_BINARY_FILE PG_LS_DIR PG_STAT_FILE
    AREA CENTER DIAMETER HEIGHT WIDTH RADIUS NPOINTS ISCLOSED ISOPEN PCLOSE POPEN ABBREV BROADCAST FAMILY HOST
    HOSTMASK MASKLEN NETMASK NETWORK SET_MASKLEN ISEMPTY LOWER_INC LOWER_INF UPPER_INC UPPER_INF PG_IS_IN_RECOVERY
    PG_LAST_XACT_REPLAY_TIMESTAMP PG_CANCEL_BACKEND PG_RELOAD_CONF PG_ROTATE_LOGFILE PG_EXPORT_SNAPSHOT
    CURRENT_QUERY INET_CLIENT_ADDR INET_CLIENT_PORT INET_SERVER_ADDR INET_SERVER_PORT PG_CONF_LOAD_TIME
    PG_IS_OTHER_TEMP_SCHEMA PG_LISTENING_CHANNELS PG_MY_TEMP_SCHEMA PG_POSTMASTER_START_TIME PG_TRIGGER_DEPTH
    TO_TSVECTOR TO_TSQUERY PLAINTO_TSQUERY TS_HEADLINE TS_RANK TS_RANK_CD SETWEIGHT NUMNODE QUERYTREE
    TXID_CURRENT_SNAPSHOT TXID_SNAPSHOT_XMIN TXID_SNAPSHOT_XMAX TXID_VISIBLE_IN_SNAPSHOT XMLCOMMENT XMLCONCAT
    XMLELEMENT XMLFOREST XMLPARSE XPATH XPATH_EXISTS XML_AGG
    """.split()  # noqa: SIM905 -- a list of words
)
"""Functions that AWS lists as unsupported, and later ones of PostgreSQL."""
GAPS = frozenset(
    """
    CHECKSUM DATE_DIFF FNV_HASH FUNC_SHA1 JSON_EXTRACT_ARRAY_ELEMENT_TEXT JSON_PARSE MONTHS_BETWEEN NEXT_DAY
    OCTETINDEX PG_LAST_COPY_ID PG_LAST_QUERY_ID PG_LAST_UNLOAD_COUNT RATIO_TO_REPORT SHA SHA1
    OBJECT ARRAY ARRAY_CONCAT ARRAY_FLATTEN GET_ARRAY_LENGTH SPLIT_TO_ARRAY SUBARRAY JSON_SERIALIZE JSON_TYPEOF
    JSON_SIZE IS_ARRAY IS_OBJECT IS_SCALAR CAN_JSON_PARSE SOUNDEX DIFFERENCE COLLATE CHECK_XMIN
    HLL HLL_CREATE_SKETCH HLL_CARDINALITY HLL_COMBINE ST_POINT ST_ASTEXT FARMFINGERPRINT64 FARMHASH64 FROM_HEX
    FROM_VARBYTE TO_VARBYTE APPROXIMATE_PERCENTILE_DISC INTERVAL_CMP DATE_PART_YEAR TIMEOFDAY DEXP DLOG1 DLOG10
    LISTAGGDISTINCT H3_FROMPOINT EXPLAIN_MODEL MURMUR3_32_HASH URLENCODE URL_DECODE
    """.split()  # noqa: SIM905 -- a list of words
)
RENAMED = {
    "REGEXP_REPLACE": "rs_regexp_replace",
    "REGEXP_SUBSTR": "rs_regexp_substr",
    "PG_GET_CONSTRAINTDEF": "rs_get_constraintdef",
}
"""Functions that PostgreSQL has, too, and whose results differ: the stand-in's own are used
(`catalogue/functions.sql`).
"""
DATE_PARTS = frozenset(
    """
    millennium millennia mil mils century centuries c cent cents decade decades dec decs epoch year years y yr yrs
    quarter quarters qtr qtrs month months mon mons week weeks w day days d dayofweek dow dw weekday dayofyear doy
    dy yearday hour hours h hr hrs minute minutes m min mins second seconds s sec secs millisecond milliseconds
    ms msec msecs msecond mseconds millisec millisecs millisecon microsecond microseconds us microsec microsecs
    timezone timezone_hour timezone_minute
    """.split()  # noqa: SIM905 -- a list of words
)
"""https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html"""
