"""Tokens of the HTTP API in the operational store: made, listed, withdrawn. Only hashes are
kept.
"""

import threading
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema
from schemas.errors import SettingsError
from schemas.security.api_tokens import StoredToken

API_TOKEN = sa.Table(
    "api_token",
    sa.MetaData(),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("writer", postgresql.JSONB, nullable=False),
    sa.Column("records", postgresql.JSONB, nullable=False, server_default="{}"),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("made_by", sa.String(255), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.Column("revoked_by", sa.String(255)),
)
_TABLE = API_TOKEN.c
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate api tokens'))")


class ApiTokens:
    """The tokens of one operational store. Its methods block; threads may share it."""

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)
        self._is_ready = False
        self._lock = threading.Lock()

    def add(self, token: StoredToken) -> None:
        """Keep a new token.

        Raises:
            SettingsError: Another token of that name is good.
        """
        self._ensure()
        same_name = (_TABLE.name == token.name, _TABLE.revoked_at.is_(None))
        with translated_database(), self._engine.begin() as connection:
            connection.execute(_LOCK)
            for row in connection.execute(sa.select(API_TOKEN).where(*same_name)).all():
                if row.expires_at > token.made_at:
                    raise SettingsError(
                        f"A token named {token.name} is good until {row.expires_at:%Y-%m-%d %H:%M} UTC. Choose another name, "
                        f"or withdraw it: `tidegate api revoke {token.name}`."
                    )
                values = {"revoked_at": row.expires_at, "revoked_by": "expiry"}
                connection.execute(API_TOKEN.update().where(_TABLE.sha256 == row.sha256).values(**values))
            connection.execute(API_TOKEN.insert().values(**token.model_dump(mode="python")))

    def revoke(self, tokens: Sequence[StoredToken], *, by: str, at: datetime) -> int:
        """Withdraw tokens, kept here or only named in the settings; returns how many were not
        withdrawn before.
        """
        self._ensure()
        count = 0
        with translated_database(), self._engine.begin() as connection:
            connection.execute(_LOCK)
            for token in tokens:
                row = token.model_copy(update={"revoked_at": at, "revoked_by": by}).model_dump()
                added = postgresql.insert(API_TOKEN).values(**row)
                changed = added.on_conflict_do_update(
                    index_elements=["sha256"],
                    set_={"revoked_at": at, "revoked_by": by},
                    where=_TABLE.revoked_at.is_(None),
                )
                count += connection.execute(changed.returning(_TABLE.sha256)).first() is not None
        return count

    def all(self) -> list[StoredToken]:
        """Every token, the newest first, those that are good no more included."""
        self._ensure()
        query = sa.select(API_TOKEN).order_by(_TABLE.made_at.desc(), _TABLE.name)
        with translated_database(), self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [StoredToken.model_validate(dict(row)) for row in rows]

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _ensure(self) -> None:
        with self._lock:
            if not self._is_ready:
                ensure_schema(self._engine)
                self._is_ready = True
