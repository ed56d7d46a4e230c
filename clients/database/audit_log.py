"""Law 9: the audit log, append-only, each row chained to the one before it by hash.

Kept in the operational store. A row that is altered, removed or moved breaks the chain at its
place; `clients/audit` holds the chain against what was signed and locked away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from clients.acting import origin_of, settled
from clients.database.address import Database
from clients.database.audit_chain import BEFORE_FIRST, VERSION, ChainRow
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema
from schemas.ingest.messages import Act
from schemas.security.acting import Origin
from schemas.security.words import printable
from transforms.proof import content_digest

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
    sa.Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    # How it came in, as JSON; empty in rows of releases that did not ask.
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
    # The nonce of its proof, so that a proof that comes twice is found.
    sa.Column("nonce", sa.String(64), nullable=True),
    sa.Index("audit_log_at", "at"),
    sa.Index("audit_log_nonce", "nonce", postgresql_where=sa.text("nonce IS NOT NULL")),
    sa.Index("audit_log_target", "target", postgresql_where=sa.text("act = 'writeback.batch'")),
)
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate audit log'))")
_AT_A_TIME = 2_000
_SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


class AuditLog:
    """The audit log of one operational store. Its methods block."""

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)
        self._is_ready = False

    def ensure_tables(self) -> None:
        """Take the migrations that are missing, once."""
        if not self._is_ready:
            ensure_schema(self._engine)
            self._is_ready = True

    def append(self, act: Act, *, asked_of: str = "", principal: str = "") -> int:
        """Write an act; returns its number. An act that is tried again is found and written
        once. `asked_of`, `principal`: as of `append_act`.
        """
        with translated_database(), self._engine.begin() as connection:
            return append_act(connection, act, asked_of=asked_of, principal=principal)

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

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row; 0 and the hash before the first = there is none."""
        query = sa.select(AUDIT_LOG.c.number, AUDIT_LOG.c.hash).order_by(AUDIT_LOG.c.number.desc()).limit(1)
        with translated_database(), self._engine.connect() as connection:
            found = connection.execute(query).first()
        return (found.number, found.hash) if found else (0, BEFORE_FIRST)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction: commits when left, rolls back when an exception leaves it."""
        with translated_database(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def walk(self, after: int = 0) -> Iterator[Iterator[ChainRow]]:
        """The rows with a greater number as they are stored, in order, of one snapshot; a few
        thousand are in memory at a time.
        """
        query = sa.select(*(AUDIT_LOG.c[name] for name in ChainRow.__slots__))
        query = query.where(AUDIT_LOG.c.number > after).order_by(AUDIT_LOG.c.number)
        with translated_database(), self._engine.connect() as connection:
            connection.execute(_SNAPSHOT)
            found = connection.execution_options(yield_per=_AT_A_TIME).execute(query)
            yield (ChainRow(*row) for row in found)

    def verify(self) -> list[str]:
        """Breaks of the chain by itself, a sentence each; empty when every row follows the one
        before it.

        A chain that was cut at its end, or computed again from some row on, is whole by itself:
        `clients.audit.verify` holds it against its anchors.
        """
        with self.walk() as rows:
            return list(chain_breaks(rows))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def chain_breaks(rows: Iterator[ChainRow]) -> Iterator[str]:
    """Where a chain that begins with the first row does not hold, in sentences."""
    previous, expected = BEFORE_FIRST, 1
    for row in rows:
        yield from row_breaks(row, expected, previous)
        previous, expected = row.hash, row.number + 1


def row_breaks(row: ChainRow, expected: int, previous: str) -> Iterator[str]:
    """Describe the breaks of one row, given the number and the hash that come before it."""
    if row.number != expected:
        gap = (
            f"row {expected} is" if row.number == expected + 1 else f"rows {expected} to {row.number - 1} are"
        )
        yield f"{gap} missing"
    if row.previous_hash != previous:
        yield f"row {row.number} does not follow the row before it"
    if row.hash != row.own_hash():
        yield f"row {row.number} was altered"


def append_act(connection: sa.Connection, act: Act, *, asked_of: str = "", principal: str = "") -> int:
    """As `AuditLog.append`, within a transaction of the same store: the act is on record when its
    effect is. The table must be there.

    Args:
        connection: Within its transaction.
        act: Its origin is judged here. None = it is done here and now, by the caller who
            acts in this process.
        asked_of: The workflow that was asked for the act, to which a proof must belong; "" = the
            act's target.
        principal: The client as Temporal's server told it to this process; "" = it was not asked.
    """
    said = _said(act, asked_of, principal)
    connection.execute(_LOCK)
    written = _number_of(connection, said)
    return _insert(connection, said) if written is None else written


def append_new_act(connection: sa.Connection, act: Act, *, asked_of: str = "") -> bool:
    """As `append_act`; False for an act that is on record already."""
    said = _said(act, asked_of, "")
    connection.execute(_LOCK)
    if _number_of(connection, said) is not None:
        return False
    _insert(connection, said)
    return True


def act_digest(act: Act) -> str:
    """SHA-256 of what a stored act says, in hex: what the proof of an act that was done in the
    process itself speaks of.
    """
    return content_digest([act.act, act.by, act.target, act.detail, act.at.astimezone(UTC).isoformat()])


def _said(act: Act, asked_of: str, principal: str) -> Act:
    """The act as it is stored: one line a field, no longer than its column, its origin judged. A
    text that a column refused would be tried forever.
    """
    said = Act(
        act=printable(act.act, 64),
        by=printable(act.by, 255),
        target=printable(act.target, 1_000),
        detail=printable(act.detail),
        at=act.at,
    )
    if act.origin is None:
        origin = origin_of(said.by, said.target, said.act, act_digest(said))
        judged = None if origin is None else settled(origin, said.by, said.target)
    else:
        judged = settled(act.origin, said.by, asked_of or said.target, principal=principal)
    return said.model_copy(update={"origin": judged})


def _insert(connection: sa.Connection, act: Act) -> int:
    last = connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number.desc()).limit(1)).first()
    origin = _first_of_its_proof(connection, act)
    row = ChainRow(
        number=last.number + 1 if last else 1,
        version=VERSION,
        at=act.at,
        act=act.act,
        by=act.by,
        target=act.target,
        detail=act.detail,
        origin="" if origin is None else origin.model_dump_json(exclude_defaults=True),
        previous_hash=last.hash if last else BEFORE_FIRST,
        hash="",
    )
    nonce = None if origin is None or origin.proof is None else origin.proof.nonce[:64]
    values = {name: getattr(row, name) for name in ChainRow.__slots__}
    values |= {"hash": row.own_hash(), "nonce": nonce}
    connection.execute(AUDIT_LOG.insert().values(**values))
    return row.number


def _first_of_its_proof(connection: sa.Connection, act: Act) -> Origin | None:
    """The act's origin; without its proof's worth when the same proof stood for the same act
    before.
    """
    origin = act.origin
    if origin is None or origin.proof is None or not origin.verified:
        return origin
    same = (AUDIT_LOG.c.nonce == origin.proof.nonce[:64], AUDIT_LOG.c.act == act.act)
    before = connection.execute(sa.select(sa.func.min(AUDIT_LOG.c.number)).where(*same)).scalar()
    if before is None:
        return origin
    doubt = f"its proof was used by row {before}"
    return origin.model_copy(update={"verified": False, "doubt": doubt})


def _number_of(connection: sa.Connection, act: Act) -> int | None:
    # All of it: two people's acts may have one moment, a workflow's clock stands still within a
    # task. The index on `at` leaves a row or two to compare.
    same = [AUDIT_LOG.c[name] == getattr(act, name) for name in ("at", "act", "by", "target", "detail")]
    number = connection.execute(sa.select(AUDIT_LOG.c.number).where(*same)).scalar()
    return None if number is None else int(number)


def _act(row: sa.Row[tuple[object, ...]]) -> Act:
    origin = Origin.model_validate_json(row.origin) if row.origin else None
    return Act(act=row.act, by=row.by, target=row.target, detail=row.detail, at=row.at, origin=origin)
