"""Law 9: the audit log, append-only, each row chained to the one before it by hash.

Kept in the operational store. A row that is altered, removed or moved breaks the chain at its
place, and `verify` says where.
"""

import hashlib
from datetime import UTC, datetime

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.engine import making, open_engine, translated_database
from schemas.ingest.messages import Act

_METADATA = sa.MetaData()
AUDIT_LOG = sa.Table(
    "audit_log",
    _METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("act", sa.String(64), nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("target", sa.String(1_000), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
_BEFORE_FIRST = "0" * 64
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate audit log'))")


class AuditLog:
    """The audit log of one operational store. Its methods block."""

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)

    def ensure_tables(self) -> None:
        """Create the table if it is missing."""
        with translated_database(), self._engine.begin() as connection:
            ensure_audit_log(connection)

    def append(self, act: Act) -> int:
        """Write an act; returns its number. An act that is tried again is found and written
        once.
        """
        with translated_database(), self._engine.begin() as connection:
            return append_act(connection, act)

    def rows(self) -> list[tuple[int, Act]]:
        """Every act in order."""
        with translated_database(), self._engine.connect() as connection:
            found = connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number)).all()
        return [(row.number, _act(row)) for row in found]

    def find(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        by: str = "",
        act: str = "",
    ) -> list[tuple[int, Act]]:
        """Acts in order.

        Args:
            since: From this time on; None = from the first.
            until: Before this time; None = up to the last.
            by: Of this person or caller; "" = of anybody.
            act: This act, such as `lane.pause`, or all of a kind, such as `lane`; "" = any.
        """
        bounds = [] if since is None else [AUDIT_LOG.c.at >= since]
        bounds += [] if until is None else [AUDIT_LOG.c.at < until]
        bounds += [AUDIT_LOG.c.by == by] if by else []
        if act:
            bounds.append(
                sa.or_(AUDIT_LOG.c.act == act, AUDIT_LOG.c.act.startswith(f"{act}.", autoescape=True))
            )
        query = sa.select(AUDIT_LOG).where(*bounds).order_by(AUDIT_LOG.c.number)
        with translated_database(), self._engine.connect() as connection:
            return [(row.number, _act(row)) for row in connection.execute(query)]

    def page(self, most: int, *, before: int | None = None) -> list[tuple[int, Act]]:
        """The last `most` acts, the newest first; with `before`, those with a smaller number."""
        query = sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number.desc()).limit(most)
        if before is not None:
            query = query.where(AUDIT_LOG.c.number < before)
        with translated_database(), self._engine.connect() as connection:
            return [(row.number, _act(row)) for row in connection.execute(query)]

    def verify(self) -> list[str]:
        """Breaks of the audit chain, a sentence each; empty when every row is as it was written."""
        with translated_database(), self._engine.connect() as connection:
            found = connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number)).all()
        problems = []
        previous, expected = _BEFORE_FIRST, 1
        for row in found:
            if row.number != expected:
                problems.append(f"row {expected} is missing")
            if row.previous_hash != previous:
                problems.append(f"row {row.number} does not follow the row before it")
            if row.hash != _hash(row.number, _act(row), row.previous_hash):
                problems.append(f"row {row.number} was altered")
            previous, expected = row.hash, row.number + 1
        return problems

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def append_act(connection: sa.Connection, act: Act) -> int:
    """As `AuditLog.append`, within a transaction of the same store: the act is on record when what
    it speaks of is. The table must be there.
    """
    connection.execute(_LOCK)
    written = _number_of(connection, act)
    return _insert(connection, act) if written is None else written


def append_new_act(connection: sa.Connection, act: Act) -> bool:
    """As `append_act`; False for an act that is on record already."""
    connection.execute(_LOCK)
    if _number_of(connection, act) is not None:
        return False
    _insert(connection, act)
    return True


def _insert(connection: sa.Connection, act: Act) -> int:
    last = connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number.desc()).limit(1)).first()
    number = last.number + 1 if last else 1
    previous = last.hash if last else _BEFORE_FIRST
    row = {"number": number, **act.model_dump(), "previous_hash": previous}
    connection.execute(AUDIT_LOG.insert().values(**row, hash=_hash(number, act, previous)))
    return number


def _number_of(connection: sa.Connection, act: Act) -> int | None:
    # All of it: two people's acts may have one moment, a workflow's clock stands still within a
    # task.
    same = [AUDIT_LOG.c[name] == value for name, value in act.model_dump().items()]
    number = connection.execute(sa.select(AUDIT_LOG.c.number).where(*same)).scalar()
    return None if number is None else int(number)


def ensure_audit_log(connection: sa.Connection) -> None:
    """Create the table if it is missing."""
    connection.execute(_LOCK)
    with making("the audit log"):
        _METADATA.create_all(connection)


def _act(row: sa.Row[tuple[object, ...]]) -> Act:
    return Act(act=row.act, by=row.by, target=row.target, detail=row.detail, at=row.at)


def _hash(number: int, act: Act, previous: str) -> str:
    facts = (
        str(number),
        act.at.astimezone(UTC).isoformat(),
        act.act,
        act.by,
        act.target,
        act.detail,
        previous,
    )
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()
