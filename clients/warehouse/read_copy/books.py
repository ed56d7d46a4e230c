"""Which tables a read copy has of its own, and which are the warehouse's.

The warehouse's books say what an operator is to see or to do: quarantine, findings, what is to be
read again, holds, decisions about the schema. There is one of each, so the copy writes none of
them, and reads those that bind a step where the warehouse has them.
"""

import re

from clients.warehouse.sql.apply import (
    ARCHIVE,
    COPIED,
    DRIFT,
    ERASED,
    HOLD,
    LEDGER,
    OBJECT_COMMIT,
    REFOLD,
    TOKEN_KEY,
)
from schemas.ops_tables import COPIED_COLUMNS
from schemas.tables import AUDIT, CURATED, OPS

OWN_BOOKS = frozenset({LEDGER, OBJECT_COMMIT, TOKEN_KEY, ERASED, ARCHIVE, REFOLD, COPIED})
"""Tables of `ops` that the copy keeps: they say what it has."""
TABLES_OF_COPY = {COPIED: COPIED_COLUMNS}
"""Those of them that the warehouse lacks."""
_WRITTEN = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+([\w.]+)")
_BINDING = re.compile(rf"(?<![\w.])(?:{re.escape(DRIFT)}|{re.escape(HOLD)})(?!\w)")


def written_table(statement: str) -> str | None:
    """The table (schema.name) that a statement writes to; None = it writes none."""
    found = _WRITTEN.match(statement)
    return found[1] if found else None


def is_of_records(table: str) -> bool:
    """True for a table that holds records' values, or names the records without any: a write to it
    has to reach the copy, too.
    """
    return table.startswith((f"{CURATED}.", f"{AUDIT}.")) or table == ERASED


def is_kept_by_copy(table: str) -> bool:
    """False for the warehouse's own books."""
    return not table.startswith(f"{OPS}.") or table in OWN_BOOKS


def asks_the_warehouse(query: str) -> bool:
    """True for a query of books that bind a step: decisions about fields, and holds."""
    return _BINDING.search(query) is not None
