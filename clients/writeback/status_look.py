"""The operational store's part of a look at the engine, over one connection that is kept open."""

from dataclasses import asdict

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from clients.database.address import Database
from clients.database.engine import open_engine, session_options, translated_database
from clients.warehouse.status_look import shut_down
from clients.webhook.stats import webhook_standings
from clients.writeback.pauses import pause_views
from clients.writeback.stats import latencies, queue_stats, unknown_outcomes
from schemas.status import LOOK_SECONDS
from schemas.writeback.status_facts import (
    UnknownWritebacks,
    WritebackFacts,
    WritebackLatency,
    WritebackStanding,
)


class OperationalLook:
    """Asks one operational store. One thread at a time; `abort` may come from another."""

    def __init__(self, dsn: Database, *, seconds: float = LOOK_SECONDS) -> None:
        options = f"{session_options()} -cstatement_timeout={round(seconds * 1_000)}"
        self._engine = open_engine(
            dsn,
            pool_size=1,
            max_overflow=0,
            connect_timeout=2,
            options=options,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
        self._connection: psycopg.Connection | None = None
        sa.event.listen(self._engine, "connect", self._keep)

    def ask(self) -> WritebackFacts | None:
        """Counts by object, pauses and webhooks; None when the store refuses the question, as
        before a worker has made its tables. Blocks. Raises `UnavailableError`.
        """
        try:
            return self._ask()
        except ProgrammingError:
            return None

    def _ask(self) -> WritebackFacts:
        with translated_database(), self._engine.connect() as connection:
            return WritebackFacts(
                standings=tuple(WritebackStanding(**asdict(row)) for row in queue_stats(connection)),
                latencies=tuple(
                    WritebackLatency.model_validate(asdict(row)) for row in latencies(connection)
                ),
                pauses=tuple(pause_views(connection)),
                unknown=tuple(UnknownWritebacks(**asdict(row)) for row in unknown_outcomes(connection)),
                webhooks=webhook_standings(connection),
            )

    def abort(self) -> None:
        """End what `ask` waits for, from another thread."""
        if self._connection is not None:
            shut_down(self._connection)

    def close(self) -> None:
        """Give the connection back; not while `ask` runs."""
        self._engine.dispose()

    def _keep(self, connection: psycopg.Connection, _record: object) -> None:
        self._connection = connection
