"""Sessions of the console that somebody ended, so that a logout holds in every API process.

A session is a signed cookie and is stored nowhere. Only its end is: until it would be out of date
by itself.
"""

import threading
from datetime import UTC, datetime

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema

CONSOLE_SESSION_ENDED = sa.Table(
    "console_session_ended",
    sa.MetaData(),
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)
_TABLE = CONSOLE_SESSION_ENDED.c


class EndedSessions:
    """The list of one operational store. Its methods block; threads may share it."""

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)
        self._is_ready = False
        self._lock = threading.Lock()

    def end(self, session: str, expires_at: datetime) -> None:
        """End a session, and forget those that are out of date. Ending it twice is no error."""
        self._ensure()
        now = datetime.now(UTC)
        row = {"session": session, "ended_at": now, "expires_at": expires_at}
        with translated_database(), self._engine.begin() as connection:
            connection.execute(CONSOLE_SESSION_ENDED.delete().where(_TABLE.expires_at < now))
            known = connection.execute(sa.select(_TABLE.session).where(_TABLE.session == session)).first()
            if known is None:
                connection.execute(CONSOLE_SESSION_ENDED.insert().values(**row))

    def is_ended(self, session: str) -> bool:
        """True when somebody ended it."""
        self._ensure()
        query = sa.select(_TABLE.session).where(_TABLE.session == session)
        with translated_database(), self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _ensure(self) -> None:
        with self._lock:
            if not self._is_ready:
                ensure_schema(self._engine)
                self._is_ready = True
