"""The register of data keys: the fingerprint of each, kept apart from the keys.

A key that is gone, or that is another one than it was, is noticed by what this store remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError

from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema

DATA_KEY = sa.Table(
    "data_key",
    sa.MetaData(),
    sa.Column("org", sa.String(18), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("made_by", sa.String(255), nullable=False),
    # the run of the rotation that made it; empty: none did
    sa.Column("made_for", sa.String(64), nullable=False, server_default=""),
)


@dataclass(frozen=True)
class RegisteredKey:
    """A data key, as the register knows it."""

    id: str
    fingerprint: str
    made_at: datetime
    """When it was first seen."""
    made_by: str
    """Who made it, or first saw it."""
    made_for: str = ""
    """The run of the rotation that made it; "" = none did."""


class DataKeyRegister:
    """The register of one operational store. Its methods block; threads may share it."""

    def __init__(self, dsn: str) -> None:
        self._engine = open_engine(dsn)

    def ensure(self) -> None:
        """Make the table if it is missing."""
        ensure_schema(self._engine)

    def entries(self, org: str) -> Mapping[str, str]:
        """Key id -> fingerprint."""
        return {key.id: key.fingerprint for key in self.keys(org)}

    def known(self, org: str) -> Mapping[str, str]:
        """As `entries`; empty while no process has made the table."""
        try:
            return self.entries(org)
        except ProgrammingError:
            return {}

    def keys(self, org: str) -> list[RegisteredKey]:
        """Every key of an org that was ever seen, the oldest first."""
        columns = [DATA_KEY.c[name] for name in ("id", "fingerprint", "made_at", "made_by", "made_for")]
        query = sa.select(*columns).where(DATA_KEY.c.org == org)
        with translated_database(), self._engine.connect() as connection:
            found = [RegisteredKey(*row) for row in connection.execute(query)]
        return sorted(found, key=lambda key: (len(key.id), key.id))

    def add(self, org: str, key_id: str, fingerprint: str, by: str, *, made_for: str = "") -> str:
        """Keep a fingerprint; returns the one that the register has by then."""
        row = {
            "org": org,
            "id": key_id,
            "fingerprint": fingerprint,
            "made_at": datetime.now(UTC),
            "made_by": by,
            "made_for": made_for,
        }
        mine = (DATA_KEY.c.org == org, DATA_KEY.c.id == key_id)
        with translated_database(), self._engine.begin() as connection:
            connection.execute(insert(DATA_KEY).values(**row).on_conflict_do_nothing())
            return str(connection.execute(sa.select(DATA_KEY.c.fingerprint).where(*mine)).scalar_one())

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
