"""How far deliveries have got: cursors, held changes, and whether the receiver takes anything.

A page of the feed is settled in one transaction: its cursor moves on, and what the receiver did
not take is held. So a process may die at any time, and nothing is between the two.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.database.audit_log import append_act
from clients.warehouse.records.feed import Place
from clients.webhook.store import WebhookStore, count_held, cursors_of, find_webhook, held_of, secrets_of
from clients.webhook.tables import WEBHOOK, WEBHOOK_CURSOR, WEBHOOK_HELD
from schemas.ingest.messages import Act
from schemas.webhook.messages import HeldChange, HeldState, Webhook, WebhookCursor, WebhookState

_HELD, _CURSOR, _HOOK = WEBHOOK_HELD.c, WEBHOOK_CURSOR.c, WEBHOOK.c
_BY = "the engine"


@dataclass(frozen=True)
class Opened:
    """A webhook with the state that a delivery begins with."""

    webhook: Webhook
    secrets: list[dict[str, Any]]
    """Encrypted, as stored."""
    cursors: tuple[WebhookCursor, ...]
    held: int
    dead: int


@dataclass(frozen=True)
class Left:
    """A change of a page that was not taken."""

    place: Place
    attempts: int
    """1, or 0 = it waits behind another change of its record."""
    reason: str
    """Why it was not taken; empty without an attempt."""
    next_try_at: datetime


@dataclass(frozen=True)
class Settled:
    """A page that was sent."""

    before: WebhookCursor
    """Where it was read from."""
    after: str
    through: datetime
    """As of `WebhookCursor`."""
    taken: Sequence[str]
    """Cursors of the changes that the receiver took."""
    left: Sequence[Left]
    at: datetime


class Deliveries:
    """The deliveries of one store. Its methods block; threads may share it."""

    def __init__(self, store: WebhookStore) -> None:
        self._store = store

    def open(self, name: str) -> Opened | None:
        """The webhook; None = there is none of that name."""
        with self._store.begin() as connection:
            found = find_webhook(connection, name)
            if found is None:
                return None
            counts = count_held(connection, name)
            return Opened(
                found,
                secrets_of(connection, name),
                cursors_of(connection, name),
                counts.get(HeldState.HELD, 0),
                counts.get(HeldState.DEAD, 0),
            )

    def version(self, name: str) -> int | None:
        """The webhook's version; None = it is not active, or there is none."""
        query = sa.select(_HOOK.version).where(_HOOK.name == name, _HOOK.state == WebhookState.ACTIVE)
        with self._store.begin() as connection:
            return connection.execute(query).scalar_one_or_none()

    def active(self) -> list[str]:
        """Names of the webhooks that are active."""
        query = sa.select(_HOOK.name).where(_HOOK.state == WebhookState.ACTIVE).order_by(_HOOK.name)
        with self._store.begin() as connection:
            return list(connection.execute(query).scalars())

    def held(self, name: str) -> list[HeldChange]:
        """The changes that are tried again, by object and place."""
        with self._store.begin() as connection:
            return held_of(connection, name, _HELD.state == HeldState.HELD)

    def held_records(self, name: str) -> list[tuple[str, str]]:
        """Object and record of each change that is tried again: a record with several comes
        several times.
        """
        query = sa.select(_HELD.object, _HELD.record_id)
        query = query.where(_HELD.webhook == name, _HELD.state == HeldState.HELD)
        with self._store.begin() as connection:
            return [(row.object, row.record_id) for row in connection.execute(query)]

    def settle(self, name: str, page: Settled, *, has_dead: bool) -> bool:
        """Move on behind a page, and hold what was not taken; False = the cursor is not where the
        page began: an operator moved it, or another process was faster. Nothing is changed then.

        `has_dead`: the webhook had dead letters; those among the taken are answered.
        """
        before = page.before
        # A replay from where the page began moves the time alone, and the page is void as well.
        stands = (_CURSOR.cursor == before.cursor, _CURSOR.through == before.through)
        moved = WEBHOOK_CURSOR.update().where(
            _CURSOR.webhook == name, _CURSOR.object == before.object, *stands
        )
        with self._store.begin() as connection:
            values = {"cursor": page.after, "through": page.through}
            if connection.execute(moved.values(**values)).rowcount != 1:
                return False
            for each in page.left:
                connection.execute(_hold(name, page, each))
            if has_dead and page.taken:
                dead = (
                    _HELD.webhook == name,
                    _HELD.object == page.before.object,
                    _HELD.cursor.in_(page.taken),
                )
                connection.execute(WEBHOOK_HELD.delete().where(*dead))
            if page.taken:
                _has_taken(connection, name, page.at)
            elif reasons := [each.reason for each in page.left if each.attempts]:
                _fails(connection, name, page.at, reasons[-1])
            return True

    def taken(self, name: str, change: HeldChange, at: datetime) -> None:
        """Delete a held change: the receiver has taken it."""
        with self._store.begin() as connection:
            connection.execute(WEBHOOK_HELD.delete().where(*_same(name, change)))
            _has_taken(connection, name, at)

    def refused(
        self, name: str, change: HeldChange, reason: str, at: datetime, next_try_at: datetime | None
    ) -> None:
        """Count an attempt of a held change. `next_try_at` None = it becomes a dead letter, and the
        next change of its record is due.
        """
        values: dict[str, Any] = {
            "attempts": change.attempts + 1,
            "failed_at": change.failed_at or at,
            "reason": reason,
        }
        if next_try_at is None:
            values |= {"state": HeldState.DEAD, "dead_at": at}
        else:
            values["next_try_at"] = next_try_at
        with self._store.begin() as connection:
            connection.execute(WEBHOOK_HELD.update().where(*_same(name, change)).values(**values))
            if next_try_at is None:
                behind = WEBHOOK_HELD.update().where(
                    _HELD.webhook == name,
                    _HELD.object == change.object,
                    _HELD.record_id == change.record_id,
                    _HELD.state == HeldState.HELD,
                )
                connection.execute(behind.values(next_try_at=at))

    def fails(self, name: str, reason: str, at: datetime) -> datetime | None:
        """Store that nothing was taken; returns since when. None = there is no such webhook."""
        with self._store.begin() as connection:
            return _fails(connection, name, at, reason)

    def disable(self, name: str, because: str, at: datetime) -> None:
        """Stop an active webhook; its cursors stay."""
        values = {"state": WebhookState.DISABLED, "because": because, "changed_by": _BY, "changed_at": at}
        chosen = WEBHOOK.update().where(_HOOK.name == name, _HOOK.state == WebhookState.ACTIVE)
        act = Act(act="webhook.disable", by=_BY, target=f"webhook/{name}", detail=because, at=at)
        with self._store.begin() as connection:
            if connection.execute(chosen.values(version=_HOOK.version + 1, **values)).rowcount:
                append_act(connection, act)


def _hold(name: str, page: Settled, each: Left) -> sa.Insert:
    values = {
        "record_id": each.place.record_id,
        "state": HeldState.HELD,
        "attempts": each.attempts,
        "failed_at": page.at if each.attempts else None,
        "next_try_at": each.next_try_at,
        "reason": each.reason,
        "dead_at": None,
    }
    row = insert(WEBHOOK_HELD).values(
        webhook=name, object=page.before.object, cursor=str(each.place), **values
    )
    # It is there when an operator moved the cursor back. A dead letter is then tried again.
    return row.on_conflict_do_update(
        index_elements=["webhook", "object", "cursor"], set_=values, where=_HELD.state == HeldState.DEAD
    )


def _same(name: str, change: HeldChange) -> Collection[sa.ColumnElement[bool]]:
    return (_HELD.webhook == name, _HELD.object == change.object, _HELD.cursor == change.cursor)


def _has_taken(connection: sa.Connection, name: str, at: datetime) -> None:
    values = {"delivered_at": at, "failing_since": None, "failure": ""}
    connection.execute(WEBHOOK.update().where(_HOOK.name == name).values(**values))


def _fails(connection: sa.Connection, name: str, at: datetime, reason: str) -> datetime | None:
    since = sa.func.coalesce(_HOOK.failing_since, at)
    changed = WEBHOOK.update().where(_HOOK.name == name).values(failing_since=since, failure=reason)
    return connection.execute(changed.returning(_HOOK.failing_since)).scalar_one_or_none()
