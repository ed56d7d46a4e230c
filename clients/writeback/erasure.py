"""Take the values of some records out of writebacks and their attempts.

What became of each stays: its state, times, batch and code. One that was not sent is let go, for
its values are gone. The seals of attempts still hold.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from clients.database.audit_log import AUDIT_LOG, append_act
from clients.writeback.attempts.seal import (
    ACT,
    RESEALED,
    attempts_digest,
    attempts_of,
    sealed_digest,
    sealed_target,
)
from clients.writeback.attempts.values import VALUES, erased_list_digest, salted
from clients.writeback.store import FORMING, WritebackStore, lock
from clients.writeback.tables import WRITEBACK, WRITEBACK_ATTEMPT, WRITEBACK_BATCH
from schemas.errors import ActRefusedError, UnavailableError
from schemas.ingest.messages import Act
from schemas.security.erasure import StoreCount
from schemas.writeback.messages import WritebackState

ERASED_CODE = "erased"
"""`code` of a writeback whose values are gone."""
_REASON = "The values of the record were erased."
_NO_PRINT = "0" * 64
"""In place of the digest of what was asked, from which a value could be guessed."""
_UNSENT = (WritebackState.WAITING, WritebackState.HELD, WritebackState.DEAD, WritebackState.SUPERSEDED)


@dataclass(frozen=True)
class ErasedKeys:
    """Which writebacks are the records'."""

    record_ids: Collection[str]
    keys: Collection[str]
    """`record` of theirs: `Contact.ExternalId__c=c-1`, in small letters after the sign."""


def erase_writebacks(
    store: WritebackStore, chosen: ErasedKeys, *, erasure: str, is_dry: bool
) -> tuple[StoreCount, ...]:
    """Count the records' writebacks and attempts, and take their values out unless `is_dry`.
    Blocks.

    Raises `UnavailableError` while one of them is on its way into the org: ask again.
    """
    with store.begin() as connection:
        # No batch is formed of them meanwhile.
        lock(connection, FORMING)
        rows = list(connection.execute(sa.select(WRITEBACK).where(_is_of(chosen)).with_for_update()))
        fresh = [row for row in rows if row.erased_by is None]
        numbers = [row.number for row in rows]
        naming = _naming(connection, chosen, numbers)
        attempts = _attempts(connection, numbers)
        attempts += _attempts_naming(connection, chosen, [row.number for row in naming])
        fresh_attempts = [row for row in attempts if row.erased_by is None]
        if not is_dry:
            _refuse_under_way(fresh)
            _erase_attempts(connection, fresh_attempts, erasure)
            for row in fresh:
                connection.execute(
                    WRITEBACK.update().where(WRITEBACK.c.number == row.number).values(_without(row, erasure))
                )
            for row in naming:
                _unname(connection, row, chosen)
    return (
        StoreCount(store="writebacks", places=len(rows), rewritten=len(fresh)),
        StoreCount(store="writeback attempts", places=len(attempts), rewritten=len(fresh_attempts)),
        StoreCount(store="writebacks that name it", places=len(naming), rewritten=len(naming)),
    )


def numbers_of(store: WritebackStore, chosen: ErasedKeys, erasure: str) -> tuple[int, ...]:
    """Numbers of the records' writebacks, and of those that the erasure took. Blocks."""
    query = sa.select(WRITEBACK.c.number).where(_is_of(chosen) | (WRITEBACK.c.erased_by == erasure))
    with store.begin() as connection:
        return tuple(connection.execute(query).scalars())


def _is_of(chosen: ErasedKeys) -> sa.ColumnElement[bool]:
    ids = sa.literal(sorted(chosen.record_ids), sa.ARRAY(sa.Text))
    keys = sa.literal(sorted(chosen.keys), sa.ARRAY(sa.Text))
    return (WRITEBACK.c.record_id == sa.func.any(ids)) | (WRITEBACK.c.record == sa.func.any(keys))


def _attempts(connection: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    table = WRITEBACK_ATTEMPT.c
    among = table.number == sa.func.any(sa.literal(list(numbers), sa.ARRAY(sa.BigInteger)))
    return list(connection.execute(sa.select(WRITEBACK_ATTEMPT).where(among).with_for_update()))


def _naming(connection: sa.Connection, chosen: ErasedKeys, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """Writebacks of other records that name one of these as a parent by its external id."""
    keys = sa.literal(sorted(chosen.keys), sa.ARRAY(sa.Text))
    query = sa.select(WRITEBACK).where(WRITEBACK.c.parents.overlap(keys))
    mine = set(numbers)
    return [row for row in connection.execute(query) if row.number not in mine]


def _attempts_naming(
    connection: sa.Connection, chosen: ErasedKeys, numbers: Sequence[int]
) -> list[sa.Row[Any]]:
    """Attempts at these that sent the external id of an erased parent. They go whole: a part of
    what is sealed cannot be taken.
    """
    rows = _attempts(connection, numbers)
    return [row for row in rows if any(_is_named(value, chosen) for value in row.sent.values())]


def _is_named(value: Any, chosen: ErasedKeys) -> bool:
    """True for a parent's external id, of one of the erased."""
    ends = {key.partition("=")[2] for key in chosen.keys}
    return isinstance(value, dict) and any(str(each).lower() in ends for each in value.values())


def _refuse_under_way(rows: Sequence[sa.Row[Any]]) -> None:
    under_way = sum(row.state == WritebackState.OPEN for row in rows)
    if under_way:
        detail = f"{under_way} writebacks of the records are on their way into the org; they are waited for"
        raise UnavailableError(system="the writeback store", detail=detail)


def _without(row: sa.Row[Any], erasure: str) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "external_id": f"erased-{row.number}",
        "fields": _names_only(row.fields),
        "only_if": sa.null(),
        "replaced": sa.null(),
        "parents": [],
        "fingerprint": _NO_PRINT,
        "reason": None if row.reason is None else _REASON,
        "words": None,
        "erased_by": erasure,
    }
    if row.state in _UNSENT:
        changed |= {"state": WritebackState.DISCARDED, "code": ERASED_CODE, "reason": _REASON}
    return changed


def _names_only(values: Mapping[str, Any] | None) -> Any:
    return sa.null() if values is None else dict.fromkeys(values)


def _unname(connection: sa.Connection, row: sa.Row[Any], chosen: ErasedKeys) -> None:
    """Take the external id of an erased parent out of another record's writeback."""
    fields = {name: None if _is_named(value, chosen) else value for name, value in row.fields.items()}
    values: dict[str, Any] = {
        "parents": [each for each in row.parents if each not in set(chosen.keys)],
        "fields": fields,
        "fingerprint": _NO_PRINT,
    }
    if row.state in _UNSENT:
        values |= {"state": WritebackState.DISCARDED, "code": ERASED_CODE, "reason": _REASON}
    connection.execute(WRITEBACK.update().where(WRITEBACK.c.number == row.number).values(values))


def _erase_attempts(connection: sa.Connection, rows: Sequence[sa.Row[Any]], erasure: str) -> None:
    """Take the values out, and put on record which attempts they were."""
    if not rows:
        return
    for batch in sorted({row.batch for row in rows if row.values_digest is None}):
        _seal_anew(connection, batch, erasure)
    fresh = [(row.number, row.attempt) for row in rows]
    table = WRITEBACK_ATTEMPT
    for number, attempt in fresh:
        found = connection.execute(sa.select(table).where(_is_attempt(number, attempt))).one()
        values = {
            "sent": _names_only(found.sent),
            "before": _names_only(found.before),
            "reason": None if found.reason is None else _REASON,
            "words": None,
            "salt": None,
            "erased_by": erasure,
        }
        connection.execute(table.update().where(_is_attempt(number, attempt)).values(values))
    erased = connection.execute(
        sa.select(table.c.number, table.c.attempt, table.c.values_digest).where(table.c.erased_by == erasure)
    )
    listed = [(int(number), int(attempt), str(digest)) for number, attempt, digest in erased]
    append_act(
        connection,
        Act(
            act=ATTEMPTS_ACT,
            by="tidegate",
            target=attempts_target(erasure),
            detail=f"{len(listed)} attempts; list {erased_list_digest(listed)}",
            at=datetime.now(UTC),
        ),
    )


ATTEMPTS_ACT = "erasure.attempts"
"""The act that says which attempts an erasure took: its detail ends with the digest of their
list.
"""


def attempts_target(erasure: str) -> str:
    """The target of that act."""
    return f"erasure/{erasure}"


def _is_attempt(number: int, attempt: int) -> sa.ColumnElement[bool]:
    return (WRITEBACK_ATTEMPT.c.number == number) & (WRITEBACK_ATTEMPT.c.attempt == attempt)


def _seal_anew(connection: sa.Connection, batch: str, erasure: str) -> None:
    """Give a batch that an older release sealed over its values the digests that a seal can stand
    on without them. Its own seal must hold.
    """
    object_name = connection.execute(
        sa.select(WRITEBACK_BATCH.c.object).where(WRITEBACK_BATCH.c.batch == batch)
    ).scalar_one()
    target = sealed_target(object_name, batch)
    sealed = connection.execute(
        sa.select(AUDIT_LOG.c.detail)
        .where(AUDIT_LOG.c.act.in_([ACT, RESEALED]), AUDIT_LOG.c.target == target)
        .order_by(AUDIT_LOG.c.number.desc())
    ).scalar()
    rows = attempts_of(connection, batch)
    if sealed is not None and sealed_digest(sealed) != attempts_digest(rows):
        raise ActRefusedError(
            detail=f"The attempts of batch {batch} are not those that were sealed, so nothing of them is erased. "
            "Find out who altered them: tidegate audit verify."
        )
    for row in rows:
        if row.values_digest is None:
            values = {name: getattr(row, name) for name in VALUES}
            made = salted(values)
            connection.execute(
                WRITEBACK_ATTEMPT.update()
                .where(_is_attempt(row.number, row.attempt))
                .values(salt=made["salt"], values_digest=made["values_digest"])
            )
    if sealed is not None:
        digest = attempts_digest(attempts_of(connection, batch))
        detail = f"erasure {erasure} sealed it again, over digests; attempts {digest}"
        act = Act(act=RESEALED, by="tidegate", target=target, detail=detail, at=datetime.now(UTC))
        append_act(connection, act)
