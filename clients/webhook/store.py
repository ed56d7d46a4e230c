"""Shared by the parts of the store of webhooks: the engine, made ready once, and rows as models."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema
from clients.webhook.tables import WEBHOOK, WEBHOOK_CURSOR, WEBHOOK_HELD
from schemas.webhook.messages import HeldChange, Webhook, WebhookCursor

_SHOWN = [column for column in WEBHOOK.c if column.name != "secrets"]
_HELD = [column for column in WEBHOOK_HELD.c if column.name != "webhook"]
_CURSOR = [column for column in WEBHOOK_CURSOR.c if column.name != "webhook"]


class WebhookStore:
    """Connections to one operational store, whose tables are made when it is first used. Blocks;
    threads may share it.
    """

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn, pool_size=4)
        self._making = threading.Lock()
        self._is_ready = False

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: commits when left, rolls back when an exception leaves it."""
        with self._making:
            if not self._is_ready:
                ensure_schema(self._engine)
                self._is_ready = True
        with translated_database(), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def find_webhook(connection: sa.Connection, name: str) -> Webhook | None:
    """The webhook; None = there is none of that name."""
    row = connection.execute(sa.select(*_SHOWN).where(WEBHOOK.c.name == name)).mappings().one_or_none()
    return None if row is None else Webhook.model_validate(dict(row))


def list_webhooks(connection: sa.Connection) -> list[Webhook]:
    """All of them, by name."""
    rows = connection.execute(sa.select(*_SHOWN).order_by(WEBHOOK.c.name)).mappings()
    return [Webhook.model_validate(dict(row)) for row in rows]


def secrets_of(connection: sa.Connection, name: str) -> list[dict[str, Any]]:
    """The webhook's secrets as they are stored, the newest first."""
    found = connection.execute(
        sa.select(WEBHOOK.c.secrets).where(WEBHOOK.c.name == name)
    ).scalar_one_or_none()
    return list(found or [])


def cursors_of(connection: sa.Connection, name: str) -> tuple[WebhookCursor, ...]:
    """How far the webhook has got in each feed, by object."""
    query = sa.select(*_CURSOR).where(WEBHOOK_CURSOR.c.webhook == name).order_by(WEBHOOK_CURSOR.c.object)
    return tuple(WebhookCursor.model_validate(dict(row)) for row in connection.execute(query).mappings())


def held_of(
    connection: sa.Connection, name: str, *conditions: sa.ColumnElement[bool], most: int | None = None
) -> list[HeldChange]:
    """The webhook's held changes and dead letters for which the conditions hold, by object and
    place. `most`: None = all.
    """
    held = WEBHOOK_HELD.c
    # By bytes, as the places of a feed are ordered, and not by the database's language.
    query = sa.select(*_HELD).where(held.webhook == name, *conditions)
    query = query.order_by(held.object, sa.collate(held.cursor, "C")).limit(most)
    return [HeldChange.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def count_held(connection: sa.Connection, name: str) -> dict[str, int]:
    """Counts of the webhook's held changes and dead letters, by state."""
    held = WEBHOOK_HELD.c
    query = sa.select(held.state, sa.func.count()).where(held.webhook == name).group_by(held.state)
    return {row[0]: row[1] for row in connection.execute(query)}
