"""Write outcomes row by row: the writebacks' new state, and an attempt for each."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.metrics.writebacks import Settled, count_settled
from clients.writeback.attempts.values import salted
from clients.writeback.store import storable
from clients.writeback.tables import WRITEBACK, WRITEBACK_ATTEMPT
from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import Outcome

_MOST_CODE = 80
"""Characters of the column `code`."""
_UPDATED = (
    "state",
    "code",
    "reason",
    "words",
    "record_id",
    "created",
    "attempts",
    "looks",
    "not_before",
    "done_at",
)
"""Columns of a writeback that an outcome changes."""


def open_in(batch: str) -> sa.ColumnElement[bool]:
    """The writebacks of a batch of which nothing is known yet."""
    return (WRITEBACK.c.batch == batch) & (WRITEBACK.c.state == WritebackState.OPEN)


Seal = Callable[[str], str | None]
"""Encrypts Salesforce's words."""


def settle(
    connection: sa.Connection,
    batch: str,
    outcomes: Mapping[str, Outcome],
    seal: Seal,
    *,
    sent_at: datetime | None,
    now: datetime,
) -> None:
    """Write what became of open writebacks, and an attempt for each."""
    if not outcomes:
        return
    records = sa.literal(list(outcomes), sa.ARRAY(sa.Text))
    open_ones = connection.execute(
        sa.select(WRITEBACK).where(open_in(batch) & (WRITEBACK.c.record == sa.func.any(records)))
    ).all()
    if not open_ones:
        return
    attempts, updates, settled = [], [], []
    for row in open_ones:
        outcome = outcomes[row.record]
        words = seal(storable(outcome.words)) if outcome.words else None
        settled.append(_settled(row, outcome, sent_at, now))
        attempts.append(salted(_attempt(row, outcome, sent_at, now) | {"words": words}))
        updates.append(_update(row, outcome, now) | {"new_words": words})
    connection.execute(insert(WRITEBACK_ATTEMPT), attempts)
    connection.execute(
        WRITEBACK.update()
        .where(WRITEBACK.c.number == sa.bindparam("of_number"))
        .values({name: sa.bindparam(f"new_{name}") for name in _UPDATED}),
        updates,
    )
    sa.event.listen(connection, "commit", lambda _: count_settled(settled), once=True)


def _settled(row: sa.Row[Any], outcome: Outcome, sent_at: datetime | None, now: datetime) -> Settled:
    is_done = outcome.state is WritebackState.DONE
    since = row.retried_at or row.accepted_at
    return Settled(row.object, outcome.state, outcome.code or "", since, sent_at, now if is_done else None)


def _attempt(row: sa.Row[Any], outcome: Outcome, sent_at: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "number": row.number,
        "attempt": row.looks + 1,
        "batch": row.batch,
        "caller": row.caller,
        "sent": row.fields,
        "before": row.replaced,
        "outcome": outcome.state,
        "code": storable(outcome.code, _MOST_CODE) or None,
        "reason": storable(outcome.reason) or None,
        "record_id": outcome.record_id or row.record_id,
        "looked_up": outcome.looked_up,
        "sent_at": sent_at,
        "known_at": now,
    }


def _update(row: sa.Row[Any], outcome: Outcome, now: datetime) -> dict[str, Any]:
    is_done = outcome.state is WritebackState.DONE
    return {
        "of_number": row.number,
        "new_state": outcome.state,
        "new_code": storable(outcome.code, _MOST_CODE) or None,
        "new_reason": storable(outcome.reason) or None,
        "new_record_id": outcome.record_id or row.record_id,
        "new_created": outcome.created,
        "new_attempts": row.attempts + outcome.is_try,
        "new_looks": row.looks + 1,
        "new_not_before": now + outcome.retry_in,
        "new_done_at": now if is_done else None,
    }
