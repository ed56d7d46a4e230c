"""Distribution, sorting and keys of a table, for which PostgreSQL has no place.

It stands as a comment in front of PostgreSQL's text, from which a trigger in the database keeps it
(`catalogue/install.sql`).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.rule import UNDEFINED_COLUMN, rule

PAGE = "r_CREATE_TABLE_NEW"
KEY_COLUMN = rule(
    "key-column", "tables", "DISTKEY, SORTKEY and keys name columns of the table.", PAGE, UNDEFINED_COLUMN
)
DISTRIBUTION = rule(
    "distribution", "tables", "DISTSTYLE KEY needs one DISTKEY, the other styles take none.", PAGE
)
MOST_SORT_KEYS = rule(
    "most-sort-keys", "tables", "400 columns sort at most, eight interleaved.", PAGE, "54011"
)


@dataclass
class Table:
    """Columns and facts of one CREATE TABLE."""

    columns: dict[str, str] = field(default_factory=dict)
    """Quoted name -> definition for PostgreSQL."""
    facts: dict[str, Any] = field(default_factory=dict)


def comment(facts: dict[str, Any]) -> str:
    """The facts for the trigger, as a comment that no name in them can end."""
    written = json.dumps(facts).replace("/", "\\u002f")
    return f"/*stand-in:{written}*/ "


def options(cursor: Cursor, table: Table) -> None:
    """Read the clauses behind the columns."""
    facts = table.facts
    while True:
        if cursor.take("BACKUP"):
            facts["backup"] = cursor.one_of("YES", "NO") == "YES"
        elif cursor.take("DISTSTYLE"):
            facts["diststyle"] = cursor.one_of("AUTO", "EVEN", "KEY", "ALL")
            if not facts["diststyle"]:
                raise cursor.fail()
        elif cursor.take("DISTKEY"):
            facts.setdefault("distkeys", []).extend(each.strip('"') for each in cursor.names())
        elif cursor.word in ("COMPOUND", "INTERLEAVED", "SORTKEY"):
            _sort_key(cursor, facts)
        elif cursor.take("ENCODE"):
            cursor.need("AUTO")
        else:
            return


def _sort_key(cursor: Cursor, facts: dict[str, Any]) -> None:
    facts["sortstyle"] = cursor.one_of("COMPOUND", "INTERLEAVED") or "COMPOUND"
    cursor.need("SORTKEY")
    if cursor.take("AUTO"):
        facts["sortstyle"] = "AUTO"
        return
    facts.setdefault("sortkeys", []).extend(each.strip('"') for each in cursor.names())


def check_keys(table: Table, columns: list[str]) -> None:
    """Raise `RefusedError` for a key that the columns lack, or that its style excludes."""
    facts = table.facts
    distkeys, style = facts.get("distkeys", []), facts.get("diststyle")
    if (
        len(distkeys) > 1
        or (distkeys and style not in (None, "KEY", "AUTO"))
        or (style == "KEY" and not distkeys)
    ):
        raise RefusedError(DISTRIBUTION, f"DISTSTYLE {style or 'KEY'} with {len(distkeys)} DISTKEY columns")
    sorts = facts.get("sortkeys", [])
    if len(sorts) > (8 if facts.get("sortstyle") == "INTERLEAVED" else 400):
        raise RefusedError(MOST_SORT_KEYS, f"{len(sorts)} columns in the sort key")
    for what, names in (
        ("distkey", distkeys),
        ("sortkey", sorts),
        *(("key", key["columns"]) for key in facts.get("keys", ())),
    ):
        for name in names:
            if name not in columns:
                raise RefusedError(KEY_COLUMN, f'{what} column "{name}" does not exist')
