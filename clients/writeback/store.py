"""Shared by the store's parts: the engine, made ready once, and the locks that order who goes
first.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema


class WritebackStore:
    """Connections to one operational store, whose tables are made when it is first used. Blocks."""

    def __init__(self, dsn: Database) -> None:
        self.engine = open_engine(dsn)
        self._making = threading.Lock()
        self._is_ready = False

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: commits when left, rolls back when an exception leaves it."""
        self._make_ready()
        with translated_database(), self.engine.begin() as connection:
            yield connection

    def steps_taken(self) -> list[str]:
        """The steps of the schema that were taken, oldest first; none before the first use."""
        from clients.database.migrations.alembic_steps import taken  # Alembic is seldom needed

        with translated_database(), self.engine.connect() as connection:
            return taken(connection)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _make_ready(self) -> None:
        with self._making:
            if not self._is_ready:
                ensure_schema(self.engine)
                self._is_ready = True


FORMING = "tidegate writeback forming"
"""One at a time forms batches: two could else take the same parent."""
PAUSING = "tidegate writeback pauses"
"""Held by the writer of a pause, and shared by senders that begin: a pause is acknowledged when
nobody can miss it.
"""


def lock(connection: sa.Connection, name: str, *, shared: bool = False) -> None:
    """Hold a lock until the transaction ends."""
    mode = "_shared" if shared else ""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock{mode}(hashtext(:name))"), {"name": name})


def storable(text: str, most: int | None = None) -> str:
    """A text from elsewhere as a column of so many characters takes it: what cannot be written
    would be tried forever. None: any length.
    """
    return text.replace("\0", "").encode(errors="replace").decode()[:most]
