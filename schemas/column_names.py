"""From API names to names of columns and tables: short, unique, and the same for as long as the
warehouse stands.

The usual name is the API name in snake case without `__c`. Where that name is taken, is
Tidegate's own, or is longer than the warehouses allow, the field gets the usual name, cut, with
a digest of its API name behind it. The digest makes it the same on every machine; the table
`ops.names` keeps it, so that a field that comes later never changes the column of one that was
there.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

MOST_NAME_BYTES = 63
"""PostgreSQL cuts longer names (manual, 4.1.1 "Identifiers and Key Words"). Redshift allows 127
(https://docs.aws.amazon.com/redshift/latest/dg/r_names.html); one catalogue has the same columns
in both.
"""
MOST_TABLE_BYTES = MOST_NAME_BYTES - len("_current")
"""The longest of what is put behind the names of permanent tables; names of indexes and temporary
tables are cut where they are longer. Releases before names were kept knew no bound, and no
longer name has ever worked in PostgreSQL: this one orphans no table.
"""
_DIGEST = 8

RESERVED_COLUMNS = frozenset(
    [
        "record_id",
        "changed_at",
        "applied_at",
        "change_order",
        "change_type",
        "is_deleted",
        "is_complete",
        "version",
        "valid_from",
        "valid_to",
        "is_current",
        "batch",
        "changed_fields",
        "diff_fields",
        "isolated_fields",
        "unknown_fields",
        "field_findings",
        "commit_user",
        "change_origin",
        "transaction_key",
        "last_change_order",
        "received_at",
        "sets_deleted",
        "version_step",
    ]
)
"""Column names that Tidegate itself writes; `set_0` and the like are its own, too."""
SYSTEM_COLUMNS = frozenset(
    ["oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "deletexid", "insertxid"]
)
"""Columns that every table has by itself, in PostgreSQL (manual, 5.6 "System Columns") or in
Redshift, quoted or not.
"""

_MASK_COLUMN = re.compile(r"set_\d+")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")


class GivenName(NamedTuple):
    """The name that a field or object has in the warehouse."""

    name: str
    why: str
    """Why it is not the usual one; empty when it is."""


def snake_case(api_name: str) -> str:
    """The usual name: AccountId -> account_id, ServiceRequest__c -> service_request."""
    bare = re.sub(r"__c$", "", api_name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bare).lower()


def is_ours(column: str) -> bool:
    """True for a column that Tidegate or the database itself writes."""
    return column in RESERVED_COLUMNS or column in SYSTEM_COLUMNS or bool(_MASK_COLUMN.fullmatch(column))


def is_usable(name: str, most: int) -> bool:
    """True for what a catalogue may give as a column or table name: lower-case snake case of up to
    `most` bytes.
    """
    return len(name) <= most and _COLUMN.fullmatch(name) is not None


def column_names(
    given: Mapping[str, str | None], taken: Mapping[str, str] | None = None
) -> dict[str, GivenName]:
    """The columns of an object's fields.

    Args:
        given: API name -> the column that it has for good (from the catalogue or `ops.names`),
            None for one that has none yet. A name is
            free when no field has it for good; of two fields that come together, the earlier
            one gets it.
        taken: API name -> column, of fields that were there once; None: there are none.

    Returns: API name -> column, in the order of `given`. No two are the same.
    """
    return _names(given, taken or {}, MOST_NAME_BYTES, is_ours, "is Tidegate's own or the database's column")


def table_names(
    given: Mapping[str, str | None], taken: Mapping[str, str] | None = None
) -> dict[str, GivenName]:
    """The names that objects' tables begin with; arguments and answer as of `column_names`."""
    return _names(given, taken or {}, MOST_TABLE_BYTES, lambda _: False, "")


def short_name(text: str) -> str:
    """The name of an index or a temporary table, cut with a digest when it is too long."""
    return text if len(text) <= MOST_NAME_BYTES else _with_digest(text, text, MOST_NAME_BYTES)


def _names(
    given: Mapping[str, str | None],
    gone: Mapping[str, str],
    most: int,
    is_taken_by_us: Callable[[str], bool],
    whose: str,
) -> dict[str, GivenName]:
    taken = {name: api_name for api_name, name in gone.items()}
    taken |= {name: api_name for api_name, name in given.items() if name is not None}
    found: dict[str, GivenName] = {}
    for api_name, name in given.items():
        usual = snake_case(api_name)
        why = _obstacle(
            usual, taken.get(usual, api_name), api_name, most, whose if is_taken_by_us(usual) else ""
        )
        if name is None:
            name = _with_digest(usual, api_name, most) if why else usual
            taken[name] = api_name
        found[api_name] = GivenName(name, "" if name == usual else why or "the catalogue gives it")
    return found


def _obstacle(usual: str, owner: str, api_name: str, most: int, whose: str) -> str:
    """Why a field cannot have its usual name; empty when it can."""
    if whose:
        return f"{usual} {whose}"
    if len(usual) > most:
        return f"{usual} is longer than {most} bytes"
    if owner != api_name:
        return f"{usual} is the name of {owner}"
    return "" if _COLUMN.fullmatch(usual) else f"{usual} does not begin with a letter"


def _with_digest(usual: str, api_name: str, most: int) -> str:
    digest = hashlib.blake2b(api_name.encode(), digest_size=_DIGEST // 2).hexdigest()
    return f"{usual[: most - _DIGEST - 1].rstrip('_')}_{digest}"


def clashes(names: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences for (API name, given name) pairs of which two have the same name."""
    owners: dict[str, str] = {}
    return [
        f"{api_name} and {other} would share the name {name}"
        for api_name, name in names
        if (other := owners.setdefault(name, api_name)) != api_name
    ]
