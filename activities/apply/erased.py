"""Erased records in the transaction of a batch's effects: whatever was staged before, their values
are not written.
"""

from collections.abc import Iterable

import pyarrow as pa

from clients.warehouse import Transaction
from clients.warehouse.sql import erasure as sql
from schemas.catalogue import Catalogue, ObjectSpec
from transforms.erasure.events import DETAIL, erase_quarantined

_AT_ONCE = 500
"""Ids of one statement."""


def erased_grouped(transaction: Transaction, spec: ObjectSpec) -> frozenset[str]:
    """Those of the group's records that were erased. Run it while the temporary table `GROUPED`
    holds them.
    """
    return frozenset(row[0] for row in transaction.fetch(sql.find_erased_grouped(), [spec.name]))


def erased_named(transaction: Transaction, record_ids: Iterable[str]) -> frozenset[str]:
    """Those of some records that were erased."""
    named = sorted(set(record_ids))
    erased: set[str] = set()
    for first in range(0, len(named), _AT_ONCE):
        some = named[first : first + _AT_ONCE]
        erased |= {row[0] for row in transaction.fetch(sql.find_erased_named(len(some)), some)}
    return frozenset(erased)


def without_erased(transaction: Transaction, refused: pa.Table, catalogue: Catalogue) -> pa.Table:
    """Refused changes (columns of `REFUSED_SCHEMA`) without the values of erased records."""
    erased = erased_named(transaction, filter(None, refused["record_id"].to_pylist()))
    if not erased:
        return refused
    rows = refused.to_pylist()
    for row in rows:
        spec = catalogue.objects.get(row["object"])
        event = erase_quarantined(row["event"], row["record_id"], spec, erased, _opens_nothing)
        if event != row["event"]:
            row |= {"event": event, "detail": DETAIL}
    return pa.Table.from_pylist(rows, schema=refused.schema)


def _opens_nothing(token: str) -> str:
    raise ValueError(token[:4])
