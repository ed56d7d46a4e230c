"""Acts of operators on webhooks. Each act is in force, and on record, when its method returns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.database.audit_log import append_act
from clients.warehouse.records.feed import Place
from clients.webhook.secrets import WebhookSecrets
from clients.webhook.store import (
    WebhookStore,
    count_held,
    cursors_of,
    find_webhook,
    held_of,
    list_webhooks,
    secrets_of,
)
from clients.webhook.tables import WEBHOOK, WEBHOOK_CURSOR, WEBHOOK_HELD
from schemas.errors import ActRefusedError
from schemas.ingest.messages import Act
from schemas.security.access import RecordScope
from schemas.webhook.limits import MOST_WEBHOOKS
from schemas.webhook.messages import HeldChange, HeldState, WebhookState, WebhookView

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate webhooks'))")
_HELD = WEBHOOK_HELD.c
_SECOND = 1_000_000


@dataclass(frozen=True)
class Author:
    """Who acts, and why."""

    by: str
    reason: str = ""


class WebhookControl:
    """The webhooks of one store. Its methods block; None instead of an answer = there is no webhook
    of that name.
    """

    def __init__(self, store: WebhookStore, secrets: WebhookSecrets) -> None:
        self._store = store
        self._secrets = secrets

    def add(
        self, name: str, url: str, records: RecordScope, cursors: Mapping[str, Place], author: Author
    ) -> tuple[WebhookView, str]:
        """Keep a new webhook, which is active; returns it with its secret, which nobody is shown
        again.

        Args:
            name: Letters, digits and . _ @ -, 64 at most.
            url: One for which `url_refusal` is empty.
            records: The objects, and the fields in plaintext.
            cursors: Object -> where its feed begins; each object of `records` has one.
            author: Who adds it.

        Raises:
            ActRefusedError: There is one of that name, or there are `MOST_WEBHOOKS`.
        """
        secret, sealed = self._secrets.make(name)
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            connection.execute(_LOCK)
            _check_room(connection, name)
            # No number of an earlier one of that name, whose delivery may still be under way.
            version = round(now.timestamp() * _SECOND)
            row = {
                "version": version,
                "url": url,
                "records": records.model_dump(mode="json"),
                "secrets": [sealed],
            }
            by = {"made_by": author.by, "made_at": now, "changed_by": author.by, "changed_at": now}
            connection.execute(WEBHOOK.insert().values(name=name, state=WebhookState.ACTIVE, **row, **by))
            _set_cursors(connection, name, cursors)
            decrypts = f", decrypts {', '.join(records.decrypt)}" if records.decrypt else ""
            told = f"{', '.join(records.objects)} to {url}{decrypts}"
            _record(connection, "add", name, author, now, told)
            return _view(connection, name), secret

    def all(self) -> list[WebhookView]:
        """Every webhook, by name."""
        with self._store.begin() as connection:
            return [_view(connection, each.name) for each in list_webhooks(connection)]

    def find(self, name: str) -> WebhookView | None:
        """One webhook."""
        with self._store.begin() as connection:
            return None if find_webhook(connection, name) is None else _view(connection, name)

    def keys(self, name: str) -> list[bytes]:
        """The keys that sign now, the newest first."""
        with self._store.begin() as connection:
            stored = secrets_of(connection, name)
        return self._secrets.keys(name, stored, datetime.now(UTC))

    def pause(self, name: str, author: Author) -> WebhookView | None:
        """Post nothing more; the page under way comes to its end."""
        because = f"paused by {author.by}: {author.reason or 'no reason given'}"
        return self._set(name, author, "pause", {"state": WebhookState.PAUSED, "because": because})

    def resume(self, name: str, author: Author) -> WebhookView | None:
        """Go on from its cursors, also after it was disabled."""
        values = {"state": WebhookState.ACTIVE, "because": "", "failing_since": None, "failure": ""}
        return self._set(name, author, "resume", values)

    def rotate(self, name: str, author: Author, overlap: timedelta) -> tuple[WebhookView, str] | None:
        """Make another secret; returns it, once. The present one signs beside it for `overlap`; 0 =
        it ends at once.
        """
        secret, sealed = self._secrets.make(name)
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            connection.execute(_LOCK)
            if find_webhook(connection, name) is None:
                return None
            until = (now + overlap).isoformat()
            # One overlap at a time: of two secrets before, the older one ends now.
            kept = [each | {"until": until} for each in secrets_of(connection, name)[:1] if overlap]
            _update(connection, name, {"secrets": [sealed, *kept]})
            _record(connection, "rotate", name, author, now, f"the last secret ends {until}")
            return _view(connection, name), secret

    def replay(self, name: str, cursors: Mapping[str, Place], author: Author) -> WebhookView | None:
        """Go on from other cursors. Changes that a receiver has are sent under the same id
        again.
        """
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            connection.execute(_LOCK)
            if find_webhook(connection, name) is None:
                return None
            before = {each.object: each.cursor for each in cursors_of(connection, name)}
            _set_cursors(connection, name, cursors)
            _update(connection, name, {"changed_by": author.by, "changed_at": now})
            moved = (f"{each} from {before.get(each)} to {to}" for each, to in cursors.items())
            _record(connection, "replay", name, author, now, "; ".join(moved))
            return _view(connection, name)

    def retry(self, name: str, author: Author, cursors: Collection[str] = ()) -> int | None:
        """Try dead letters again; returns how many. Later changes of their records may have
        been taken before. `cursors` () = all of them.
        """
        now = datetime.now(UTC)
        values = {
            "state": HeldState.HELD,
            "attempts": 0,
            "failed_at": None,
            "next_try_at": now,
            "dead_at": None,
        }
        with self._store.begin() as connection:
            if find_webhook(connection, name) is None:
                return None
            changed = WEBHOOK_HELD.update().where(*_dead(name, cursors)).values(**values)
            count = connection.execute(changed).rowcount
            if count:
                _update(connection, name, {})
                _record(connection, "retry", name, author, now, f"{count} dead letters")
            return count

    def discard(self, name: str, author: Author, cursors: Collection[str] = ()) -> int | None:
        """Delete dead letters; returns how many. `cursors` () = all of them."""
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            if find_webhook(connection, name) is None:
                return None
            gone = held_of(connection, name, *_dead(name, cursors)[1:])
            connection.execute(WEBHOOK_HELD.delete().where(*_dead(name, cursors)))
            if gone:
                named = ", ".join(f"{each.object} {each.cursor}" for each in gone)
                _record(connection, "discard", name, author, now, named)
            return len(gone)

    def dead_letters(self, name: str, most: int) -> list[HeldChange] | None:
        """The first `most` dead letters, by object and place."""
        with self._store.begin() as connection:
            if find_webhook(connection, name) is None:
                return None
            return held_of(connection, name, _HELD.state == HeldState.DEAD, most=most)

    def remove(self, name: str, author: Author) -> WebhookView | None:
        """Delete a webhook with its held changes and dead letters; returns it as it was."""
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            connection.execute(_LOCK)
            if find_webhook(connection, name) is None:
                return None
            view = _view(connection, name)
            connection.execute(WEBHOOK.delete().where(WEBHOOK.c.name == name))
            where = "; ".join(f"{each.object} at {each.cursor}" for each in view.cursors)
            told = f"{view.held} held, {view.dead} dead letters; {where}"
            _record(connection, "remove", name, author, now, told)
            return view

    def _set(self, name: str, author: Author, act: str, values: dict[str, Any]) -> WebhookView | None:
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            if find_webhook(connection, name) is None:
                return None
            _update(connection, name, values | {"changed_by": author.by, "changed_at": now})
            _record(connection, act, name, author, now)
            return _view(connection, name)


def _check_room(connection: sa.Connection, name: str) -> None:
    names = [each.name for each in list_webhooks(connection)]
    if name in names:
        raise ActRefusedError(
            detail=f"There is a webhook {name}. Choose another name, or remove that one: `tidegate webhook remove {name}`."
        )
    if len(names) >= MOST_WEBHOOKS:
        raise ActRefusedError(
            detail=f"There are {MOST_WEBHOOKS} webhooks, which is the most. Remove one: `tidegate webhook list` shows them."
        )


def _view(connection: sa.Connection, name: str) -> WebhookView:
    found = find_webhook(connection, name)
    assert found is not None  # noqa: S101 -- each caller has looked
    counts = count_held(connection, name)
    return WebhookView(
        webhook=found,
        cursors=cursors_of(connection, name),
        held=counts.get(HeldState.HELD, 0),
        dead=counts.get(HeldState.DEAD, 0),
    )


def _update(connection: sa.Connection, name: str, values: dict[str, Any]) -> None:
    """Change the row and its version, so that a delivery under way ends."""
    version = WEBHOOK.c.version + 1
    connection.execute(WEBHOOK.update().where(WEBHOOK.c.name == name).values(version=version, **values))


def _set_cursors(connection: sa.Connection, name: str, cursors: Mapping[str, Place]) -> None:
    before = {each.object: each for each in cursors_of(connection, name)}
    for object_name, place in cursors.items():
        through, last = place.applied_at, before.get(object_name)
        if last is not None and last.cursor == str(place):
            # So that a page which was read from the same place does not settle over this.
            through = min(through, last.through) - timedelta(microseconds=1)
        values = {"cursor": str(place), "through": through}
        row = insert(WEBHOOK_CURSOR).values(webhook=name, object=object_name, **values)
        connection.execute(row.on_conflict_do_update(index_elements=["webhook", "object"], set_=values))


def _dead(name: str, cursors: Collection[str]) -> list[sa.ColumnElement[bool]]:
    chosen = [_HELD.cursor.in_(cursors)] if cursors else []
    return [_HELD.webhook == name, _HELD.state == HeldState.DEAD, *chosen]


def _record(
    connection: sa.Connection, act: str, name: str, author: Author, at: datetime, told: str = ""
) -> None:
    detail = ". ".join(filter(None, [author.reason, told]))
    made = Act(act=f"webhook.{act}", by=author.by, target=f"webhook/{name}", detail=detail, at=at)
    append_act(connection, made)
