"""Waiting for a session of the stand-in that waits for another one."""

import psycopg

from tests.support.builders.waiting import wait_for


def until_it_waits(database: str) -> None:
    """Return when a session of this database waits for a lock. `database`: the connection string
    of PostgreSQL behind the stand-in.
    """
    waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(database, autocommit=True) as observer:
        wait_for(lambda: observer.execute(waiting).fetchone() != (0,), every=0.02, why=lambda: "nobody waits")
