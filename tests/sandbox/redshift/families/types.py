"""Types of columns and of casts."""

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
)
