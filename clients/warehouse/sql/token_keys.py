"""SQL of tokens and their keys, in the part that PostgreSQL and Redshift share."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clients.warehouse.sql.apply import REBUILT, TOKEN_KEY
from schemas.tables import RECORD_ID, Column, Kind, quoted

NEW_TOKENS = "stage_new_tokens"
"""Temporary: tokens of one column, by their records, and what replaces them."""
_TOKEN_SIZE = 65_535
NEW_TOKEN_COLUMNS: tuple[Column, ...] = (
    RECORD_ID,
    Column("old_token", Kind.TEXT, _TOKEN_SIZE, required=True),
    Column("new_token", Kind.TEXT, _TOKEN_SIZE, required=True),
)


class TokenShape(NamedTuple):
    """How the tokens of a column look that need no re-encryption."""

    prefixes: tuple[str, ...]
    """With the key: `tg1.2.`"""
    has_index: bool
    """True = they end with a blind index."""


def find_token_key() -> str:
    """key_id of an object's curated tables; parameter: the object."""
    return f"SELECT key_id FROM {TOKEN_KEY} WHERE object = %s"


def list_token_keys() -> str:
    """object, key_id of every object that has one."""
    return f"SELECT object, key_id FROM {TOKEN_KEY} ORDER BY object"


def set_token_key() -> str:
    """Another key for an object; parameters: the key, since when, the object."""
    return f"UPDATE {TOKEN_KEY} SET key_id = %s, since = %s WHERE object = %s"


def find_odd_tokens(table: str, shapes: Mapping[str, TokenShape], limit: int) -> str:
    """The first `limit` records after one that have a token of another shape; parameter: its id."""
    wrong = " OR ".join(_is_odd(f"c.{quoted(name)}", shape) for name, shape in shapes.items())
    return (
        f"SELECT DISTINCT c.record_id FROM {table} AS c WHERE c.record_id > %s AND ({wrong}) "
        f"ORDER BY c.record_id LIMIT {limit}"
    )


def read_tokens(table: str, names: Sequence[str]) -> str:
    """record_id and the tokens of the columns, of every row of the records in `REBUILT`."""
    chosen = ", ".join(f"c.{quoted(name)}" for name in names)
    return f"SELECT c.record_id, {chosen} FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def replace_tokens(table: str, column: str) -> str:
    """Write the new tokens of one column."""
    bare, name = table.partition(".")[2], quoted(column)
    return (
        f"UPDATE {table} SET {name} = n.new_token FROM {NEW_TOKENS} AS n "
        f"WHERE {bare}.record_id = n.record_id AND {bare}.{name} = n.old_token"
    )


def find_any_row(table: str) -> str:
    """One row when the table has any."""
    return f"SELECT 1 FROM {table} LIMIT 1"


def count_by_key(table: str, column: str) -> str:
    """Form of token, key, rows: of a column's values."""
    name = f"c.{quoted(column)}"
    parts = f"SPLIT_PART({name}, '.', 1), SPLIT_PART({name}, '.', 2)"
    return f"SELECT {parts}, COUNT(*) FROM {table} AS c WHERE {name} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"


def sample_tokens(table: str, column: str, count: int) -> str:
    """Some values of a column."""
    name = f"c.{quoted(column)}"
    return f"SELECT {name} FROM {table} AS c WHERE {name} IS NOT NULL LIMIT {count}"


def _is_odd(name: str, shape: TokenShape) -> str:
    good = " OR ".join(f"LEFT({name}, {len(prefix)}) = '{prefix}'" for prefix in shape.prefixes)
    index = f"SPLIT_PART({name}, '.', 4) {'<>' if shape.has_index else '='} ''"
    return f"({name} IS NOT NULL AND NOT (({good}) AND {index}))"
