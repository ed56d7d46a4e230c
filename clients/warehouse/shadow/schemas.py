"""Shadows: the same tables beside the warehouse's own, in schemas whose names have a prefix.

Every statement names its tables with their schema, and values travel as parameters, so a prefix
before the three schema names is all that a shadow's statements differ by.
"""

import re

from schemas.tables import AUDIT, CURATED, OPS

_SCHEMA = re.compile(rf"(?<![\w.])(?=(?:{CURATED}|{AUDIT}|{OPS})\.)")


def shadow_prefix(name: str) -> str:
    """The prefix of the schema names of the shadow called `name`."""
    return f"shadow_{name}_"


def in_schemas(statement: str, prefix: str) -> str:
    """The statement, or the table's name, for tables whose schemas have the prefix; an empty one
    changes nothing.
    """
    return _SCHEMA.sub(prefix, statement) if prefix else statement


def schemas_of(prefix: str) -> tuple[str, ...]:
    """The names of the three schemas."""
    return tuple(f"{prefix}{schema}" for schema in (CURATED, AUDIT, OPS))


def find_shadows() -> str:
    """The schemas of every shadow's curated tables."""
    return (
        # information_schema leaves out schemas of others on Redshift.
        "SELECT nspname FROM pg_namespace "
        f"WHERE nspname LIKE 'shadow_%' AND nspname LIKE '%_{CURATED}' ORDER BY nspname"
    )


def name_of_schema(schema: str) -> str:
    """The shadow that a schema found by `find_shadows` belongs to."""
    return schema.removeprefix("shadow_").removesuffix(f"_{CURATED}")


def drop_statements(name: str) -> list[str]:
    """The SQL that removes a whole shadow."""
    return [f"DROP SCHEMA IF EXISTS {schema} CASCADE" for schema in schemas_of(shadow_prefix(name))]
