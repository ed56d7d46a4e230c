"""Anchors on the session's S3 and KMS."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import psycopg

from clients.audit.anchors import Anchors
from clients.audit.locked_objects import LockedObjects
from clients.audit.signing import AnchorSigner
from clients.database.audit_chain import BEFORE_FIRST, ChainRow
from clients.storage.objects import S3Address
from sandbox.objectstore import AUDIT_BUCKET, SIGNING_ALIAS
from schemas.ingest.messages import Act

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)


@cache
def _clients(address: S3Address) -> tuple[LockedObjects, AnchorSigner]:
    return LockedObjects(address, AUDIT_BUCKET), AnchorSigner(address, SIGNING_ALIAS)


def anchors_at(address: S3Address, org: str = "") -> Anchors:
    """Anchors of an org of its own."""
    return Anchors(*_clients(address), org or f"o{uuid.uuid4().hex}", keep_days=1)


def act(number: int, *, by: str = "ada", what: str = "lane.pause") -> Act:
    """The act of so many seconds after noon."""
    return Act(
        act=what, by=by, target="lane/o/changes", detail=f"reason {number}", at=AT + timedelta(seconds=number)
    )


def stored_rows(database: str) -> list[ChainRow]:
    """The log as it is stored."""
    columns = ", ".join(ChainRow.__slots__)
    with psycopg.connect(database) as connection:
        found = connection.execute(f"SELECT {columns} FROM audit_log ORDER BY number".encode()).fetchall()
    return [ChainRow(*row) for row in found]


def forge(database: str, contents: Sequence[ChainRow]) -> None:
    """Put other rows in the place of all, chained again: what the database's owner can do, who has
    no signing key.
    """
    previous = BEFORE_FIRST
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM audit_log")
        for number, row in enumerate(contents, start=1):
            values = {name: getattr(row, name) for name in ChainRow.__slots__}
            chained = ChainRow(**{**values, "number": number, "previous_hash": previous, "hash": ""})
            previous = chained.own_hash()
            columns = ", ".join(ChainRow.__slots__)
            marks = ", ".join(["%s"] * len(ChainRow.__slots__))
            given = [*(getattr(chained, name) for name in ChainRow.__slots__[:-1]), previous]
            connection.execute(f"INSERT INTO audit_log ({columns}) VALUES ({marks})".encode(), given)
