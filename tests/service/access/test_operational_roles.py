"""The engine's role may add to the audit log and not change it; the tables belong to another
role.
"""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from clients.database.audit_log import AuditLog
from clients.database.console_sessions import EndedSessions
from clients.database.engine import open_engine
from clients.database.idempotency_keys import KeyClaim, RequestKeys
from clients.database.migrations import ensure_schema
from clients.writeback.intake import WritebackIntake
from clients.writeback.pauses import Pauses
from clients.writeback.store import WritebackStore
from sandbox.postgres import ENGINE_USER
from schemas.errors import MigrationMissingError
from schemas.writeback.messages import PauseChange, SetPauseInput, WritebackControl
from tests.support.builders.anchors import act
from tests.support.builders.writebacks import asked, checks

pytestmark = pytest.mark.service


def as_engine(database: str) -> str:
    """The same store, as the engine connects to it."""
    url = sa.make_url(database).set(username=ENGINE_USER)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def migrated(database: str) -> str:
    """The connection string of the engine's role; the owner has made the tables."""
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
    return as_engine(database)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET by = 'eve' WHERE number = 1",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log ADD COLUMN x INTEGER",
        "CREATE RULE nothing AS ON INSERT TO audit_log DO INSTEAD NOTHING",
        "CREATE TABLE another (x INTEGER)",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_the_engine_may_add_to_the_log_and_not_change_it(migrated: str, statement: str) -> None:
    with closing(AuditLog(migrated)) as log:
        log.ensure_tables()
        assert [log.append(act(1)), log.append(act(2))] == [1, 2]
        with psycopg.connect(migrated) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
        assert log.verify() == []


def test_the_engine_may_do_its_work(migrated: str) -> None:
    now = datetime.now(UTC)
    with closing(WritebackIntake(migrated, checks)) as intake:
        assert len(intake.submit("tests", [asked(external_id="C-1", key="a")]).accepted) == 1
    with closing(RequestKeys(migrated)) as keys:
        keys.claim(KeyClaim("a", "b", "c", "d", "e"))
    with closing(EndedSessions(migrated)) as ended:
        ended.end("s", now + timedelta(hours=1))
    with closing(WritebackStore(migrated)) as store:
        control = WritebackControl(by="ada", reason="maintenance")
        for change in (PauseChange.PAUSE, PauseChange.RESUME):
            Pauses(store).set(SetPauseInput(object="Case", change=change, control=control, at=now))


def test_a_store_that_its_owner_has_not_migrated_says_whom_it_needs(database: str) -> None:
    with (
        closing(AuditLog(as_engine(database))) as log,
        pytest.raises(MigrationMissingError, match="tidegate migrate"),
    ):
        log.ensure_tables()


def test_tables_that_come_later_are_the_engines_to_use(database: str, migrated: str) -> None:
    with psycopg.connect(database) as owner:
        owner.execute("CREATE TABLE later (x INTEGER)")
    with psycopg.connect(migrated) as engine:
        engine.execute("INSERT INTO later VALUES (1)")
        engine.execute("DELETE FROM later")


def test_a_log_of_an_older_release_is_taken_over_as_it_is(database: str) -> None:
    """Before step 0006 the log was made by the process that first wrote to it."""
    from tests.support.builders.anchors import stored_rows

    engine = open_engine(database)
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE TABLE audit_log (number bigint PRIMARY KEY, at timestamptz NOT NULL, act varchar(64) NOT NULL, "
            "by varchar(255) NOT NULL, target varchar(1000) NOT NULL, detail text NOT NULL, "
            "previous_hash varchar(64) NOT NULL, hash varchar(64) NOT NULL)"
        )
        connection.execute(
            "INSERT INTO audit_log VALUES (1, '2026-09-01 12:00+00', 'lane.pause', 'ada', 'lane/o/c', 'why', "
            "repeat('0', 64), '" + _OLD_HASH + "')"
        )
    ensure_schema(engine)
    engine.dispose()
    with closing(AuditLog(database)) as log:
        log.append(act(5))
        assert log.verify() == []
    assert [row.version for row in stored_rows(database)] == [1, 2]


def _old_hash() -> str:
    import hashlib

    facts = ("1", "2026-09-01T12:00:00+00:00", "lane.pause", "ada", "lane/o/c", "why", "0" * 64)
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()


_OLD_HASH = _old_hash()
