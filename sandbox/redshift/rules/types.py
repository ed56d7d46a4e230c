"""Data types: which there are, and PostgreSQL's for each.

https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
"""

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import UNDEFINED_OBJECT, UNSUPPORTED, gap, rule

UNKNOWN_TYPE = rule(
    "unknown-type",
    "types",
    "A type that is not among the supported data types is refused.",
    "c_unsupported-postgresql-datatypes",
    UNDEFINED_OBJECT,
)
TYPE_GAP = gap("type-gap", "types", "Redshift has the type; the stand-in does not.", "c_Supported_data_types")
BOOLEAN_TEXT = rule(
    "boolean-to-text", "types", "A BOOLEAN cannot be cast to a text.", "c_Supported_data_types", "42846"
)
LENGTH = rule(
    "character-length",
    "types",
    "VARCHAR takes 1 to 65,535 bytes, or MAX; CHAR takes 1 to 4,096.",
    "r_Character_types",
    "22023",
)
PRECISION = rule(
    "decimal-precision",
    "types",
    "DECIMAL has a precision of 1 to 38, and a scale of 0 to 37 within it.",
    "r_Numeric_types201",
    "22023",
)
ARRAY_TYPE = rule(
    "array-type", "types", "Columns cannot be arrays.", "c_unsupported-postgresql-datatypes", UNSUPPORTED
)

_PLAIN = {
    "SMALLINT": "smallint",
    "INT2": "smallint",
    "INTEGER": "integer",
    "INT": "integer",
    "INT4": "integer",
    "BIGINT": "bigint",
    "INT8": "bigint",
    "REAL": "real",
    "FLOAT4": "real",
    "DOUBLE PRECISION": "double precision",
    "FLOAT8": "double precision",
    "FLOAT": "double precision",
    "BOOLEAN": "boolean",
    "BOOL": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIME WITHOUT TIME ZONE": "time",
    "TIMETZ": "timetz",
    "TIME WITH TIME ZONE": "timetz",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITHOUT TIME ZONE": "timestamp",
    "DATETIME": "timestamp",
    "TIMESTAMPTZ": "timestamptz",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}
_CHARACTERS = {
    "VARCHAR": ("varchar", 65_535, 256),
    "CHARACTER VARYING": ("varchar", 65_535, 256),
    "NVARCHAR": ("varchar", 65_535, 256),
    "TEXT": ("varchar", 65_535, 256),
    "CHAR": ("char", 4_096, 1),
    "CHARACTER": ("char", 4_096, 1),
    "NCHAR": ("char", 4_096, 1),
    "BPCHAR": ("char", 4_096, 256),
}
_FIXED = ("TEXT", "BPCHAR")
"""They take no length."""
_DECIMALS = ("DECIMAL", "NUMERIC")
_GAPS = ("SUPER", "VARBYTE", "VARBINARY", "BINARY VARYING", "GEOMETRY", "GEOGRAPHY", "HLLSKETCH", "INTERVAL")


LEADER_TYPES = frozenset(["OID", "REGCLASS", "REGTYPE", "REGPROC", "NAME"])
"""Types of the catalogue, which the leader node has."""


def column_type(name: str, arguments: tuple[str, ...]) -> str:
    """PostgreSQL's type of a column. `name` in capitals; `arguments` as they are written.

    A character type's length is in bytes; PostgreSQL's in characters. The bytes are checked by
    a constraint (`catalogue/install.sql`).
    """
    if name in _PLAIN:
        return _plain(name, arguments)
    if name in _CHARACTERS:
        return _character(name, arguments)
    if name in _DECIMALS:
        return _decimal(arguments)
    if name in _GAPS:
        raise RefusedError(TYPE_GAP, f"the stand-in has no type {name}")
    if name.endswith("[]"):
        raise RefusedError(ARRAY_TYPE, f'type "{name.lower()}" does not exist')
    raise RefusedError(UNKNOWN_TYPE, f'type "{name.lower()}" does not exist')


def cast_type(name: str, arguments: tuple[str, ...]) -> str:
    """PostgreSQL's type in an expression, where VARCHAR without a length takes any."""
    if name in ("VARCHAR", "CHARACTER VARYING", "NVARCHAR", "TEXT") and not arguments:
        return "varchar"
    return column_type(name, arguments)


def _plain(name: str, arguments: tuple[str, ...]) -> str:
    if name == "FLOAT" and len(arguments) == 1 and arguments[0].isdigit():
        return "real" if int(arguments[0]) <= 24 else "double precision"
    if arguments:
        raise RefusedError(UNKNOWN_TYPE, f"type {name.lower()} takes no length or precision")
    return _PLAIN[name]


def _character(name: str, arguments: tuple[str, ...]) -> str:
    called, most, usual = _CHARACTERS[name]
    if not arguments:
        return f"{called}({usual})"
    (length, *more) = arguments
    size = most if length.upper() == "MAX" else int(length) if length.isdigit() else 0
    if more or name in _FIXED or not 1 <= size <= most:
        raise RefusedError(
            LENGTH, f"length for type {name.lower()} must be within 1 and {most}, not {length}"
        )
    return f"{called}({size})"


def _decimal(arguments: tuple[str, ...]) -> str:
    if not all(each.isdigit() for each in arguments) or len(arguments) > 2:
        raise RefusedError(PRECISION, f"DECIMAL{arguments} is no precision and scale")
    precision = int(arguments[0]) if arguments else 18
    scale = int(arguments[1]) if len(arguments) > 1 else 0
    if not (1 <= precision <= 38 and scale <= min(precision, 37)):
        raise RefusedError(
            PRECISION, f"DECIMAL precision {precision} must be between 1 and 38, scale {scale} within"
        )
    return f"numeric({precision},{scale})"
