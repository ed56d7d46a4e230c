"""Idempotency keys of the HTTP API: which run a caller's key stands for, kept in the operational
store.

A key is claimed before its run is started, and the run's id follows from the request, so a crash
between the two is healed by the caller's next try. Once the start is on record the key never
starts anything again, however long ago it was.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from schemas.errors import KeyUsedError

_METADATA = sa.MetaData()
REQUEST_KEY = sa.Table(
    "request_key",
    _METADATA,
    sa.Column("caller", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("workflow_id", sa.String(255), nullable=False),
    sa.Column("run_id", sa.String(64)),  # null: not started yet, as far as is known
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate request keys'))")


@dataclass(frozen=True)
class KeyClaim:
    """The request that a key stands for."""

    caller: str
    key: str
    kind: str
    """Of request: `backfills`."""
    fingerprint: str
    """SHA-256 of the request's content, hex."""
    workflow_id: str
    run_id: str | None = None
    """None until the start is on record."""


class RequestKeys:
    """The keys of one operational store. Its methods block."""

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)
        self._is_ready = False

    def claim(self, claim: KeyClaim) -> KeyClaim:
        """Claim a key; returns the claim that holds, which is an earlier one when there is one.

        Raises:
            KeyUsedError: The caller's key stands for another content.
        """
        self._ensure_table()
        values = {**vars(claim), "at": datetime.now(UTC)}
        with translated_database(), self._engine.begin() as connection:
            connection.execute(insert(REQUEST_KEY).values(**values).on_conflict_do_nothing())
            row = connection.execute(sa.select(REQUEST_KEY).where(*_is(claim))).one()
        held = KeyClaim(**{name: getattr(row, name) for name in vars(claim)})
        if (held.kind, held.fingerprint) != (claim.kind, claim.fingerprint):
            raise KeyUsedError(workflow_id=held.workflow_id)
        return held

    def find(self, caller: str, key: str) -> KeyClaim | None:
        """The claim of a caller's key; None when the key is new."""
        self._ensure_table()
        query = sa.select(REQUEST_KEY).where(REQUEST_KEY.c.caller == caller, REQUEST_KEY.c.key == key)
        with translated_database(), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return KeyClaim(row.caller, row.key, row.kind, row.fingerprint, row.workflow_id, row.run_id)

    def record_start(self, claim: KeyClaim, run_id: str) -> None:
        """The claim's run has started."""
        with translated_database(), self._engine.begin() as connection:
            connection.execute(REQUEST_KEY.update().where(*_is(claim)).values(run_id=run_id))

    def release(self, claim: KeyClaim) -> None:
        """Forget a claim for which nothing was started."""
        with translated_database(), self._engine.begin() as connection:
            connection.execute(REQUEST_KEY.delete().where(*_is(claim), REQUEST_KEY.c.run_id.is_(None)))

    def check(self) -> None:
        """Ask the store for nothing; raises `UnavailableError` when it does not answer."""
        with translated_database(), self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _ensure_table(self) -> None:
        if self._is_ready:
            return
        with translated_database(), self._engine.begin() as connection:
            connection.execute(_LOCK)
            _METADATA.create_all(connection)
        self._is_ready = True


def _is(claim: KeyClaim) -> tuple[sa.ColumnElement[bool], ...]:
    return (REQUEST_KEY.c.caller == claim.caller, REQUEST_KEY.c.key == claim.key)
