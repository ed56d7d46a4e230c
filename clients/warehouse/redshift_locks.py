"""Redshift's locks: empty tables that nobody reads, one an object.

Redshift has one explicit lock, LOCK TABLE, which is ACCESS EXCLUSIVE: on a table that people read,
a dashboard that is idle in its transaction would stop the object, and every later reader would
queue behind. https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html

Every statement that writes locks its table until the transaction ends, so two transactions that
write tables of `ops` in another order would wait for each other. Locks are taken in one order:
the objects' by name, then `OTHERS`, then `WRITES`, which comes before the first write to `ops`.
"""

import re

from schemas.tables import OPS

_LOCK = f"{OPS}.lock_"
_OBJECT = f"{_LOCK}object_"
OTHERS = f"{_LOCK}others"
"""Of what is no object with tables: names, decisions of drift, objects that the catalogue lacks."""
WRITES = f"{_LOCK}writes"
"""Of the tables of `ops`. It is held until the commit, as Redshift's own locks of them are."""
FIXED = (OTHERS, WRITES)
_WRITTEN = re.compile(rf"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+{OPS}\.", re.IGNORECASE)


def object_lock(table: str) -> str:
    """The lock table of the object whose tables are called after `table`."""
    return f"{_OBJECT}{table}"


def is_lock(table: str) -> bool:
    """True for a lock table; `table` has its schema, without a shadow's prefix."""
    return table.startswith(_LOCK)


def create_lock(table: str) -> str:
    """The DDL of a lock table. It stays empty, so it takes no block."""
    return f"CREATE TABLE IF NOT EXISTS {table} (held BOOLEAN) DISTSTYLE EVEN"


def lock_statement(lock: str) -> str:
    """Lock a table. It must come before the first query, which takes the transaction's snapshot: it
    then shows what the holder before has committed.
    """
    return f"LOCK TABLE {lock}"


def writes_to_ops(statement: str) -> bool:
    """True for a statement that writes a table of `ops`."""
    return _WRITTEN.match(statement) is not None
