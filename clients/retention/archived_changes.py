"""A record's changes that have left the warehouse, from the archive."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from clients.retention.archive import Archive
from clients.retention.archived_months import ArchivedMonth
from schemas.security.retention import MonthState

FACTS = (
    "change_order",
    "change_type",
    "changed_at",
    "received_at",
    "changed_fields",
    "commit_user",
    "change_origin",
    "batch",
)
"""Columns of a change that name no value."""


class ArchivedChange(NamedTuple):
    """One change, with the file that has it."""

    facts: dict[str, Any]
    """By the names in `FACTS`."""
    file: str


def archived_changes(
    archive: Archive, months: list[ArchivedMonth], source: str, record_id: str
) -> Iterator[ArchivedChange]:
    """The changes of a record in the months that have left the table `source`, the oldest month
    first. Values are neither opened nor returned. Blocks.
    """
    for row in months:
        if row.source != source or row.state != MonthState.DROPPED:
            continue
        manifest, _ = row.read_files(archive)
        for file, rows in archive.find_sealed(manifest, [record_id]) if manifest is not None else ():
            for facts in rows.select(list(FACTS)).to_pylist():
                yield ArchivedChange(facts, file.key)
