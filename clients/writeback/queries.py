"""Looking at writebacks: one, its attempts, lists and counts. Nothing is decrypted: personal values
come as tokens of writebacks, which no other token equals. A token that could be compared with
others is not shown at all: of an external id, and of values that an older release has stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clients.database.address import Database
from clients.writeback.pauses import pause_views
from clients.writeback.stats import (
    NEWEST,
    RECENT,
    Latency,
    QueueStats,
    latencies,
    queue_stats,
    recent_batches,
)
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK, WRITEBACK_ATTEMPT
from schemas.writeback.control import PauseView
from schemas.writeback.messages import WritebackState
from transforms.pii import is_comparable_token

Row = Mapping[str, Any]
"""A row of the store by the names of its columns."""
_UNSEEN = {"fingerprint", "salt", "values_digest"}
_WITH_TOKENS = {"record", "external_id", "fields", "only_if", "replaced", "parents"}
_VALUES = {"fields", "only_if", "replaced"}
"""To show them is an act: lists of writebacks have the names of their fields alone."""
ENCRYPTED = "encrypted"
"""In the place of a token that could be compared."""


@dataclass(frozen=True)
class WritebackFilter:
    """Selection of writebacks; None: any."""

    object: str | None = None
    state: WritebackState | None = None
    caller: str | None = None
    batch: str | None = None
    external_id: str | None = None
    """As stored: a token where the field is protected."""
    key: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """In SQL."""
        return [WRITEBACK.c[name] == str(value) for name, value in vars(self).items() if value is not None]


@dataclass(frozen=True)
class StateCount:
    """The number of an object's writebacks in this state."""

    object: str
    state: str
    writebacks: int


class WritebackQueries:
    """Reads one store of writebacks. Its methods block; threads may share it."""

    def __init__(self, dsn: Database) -> None:
        self._store = WritebackStore(dsn)

    def one(self, number: int) -> Row | None:
        """A writeback by its number; None when there is none."""
        found = self._rows(_shown().where(WRITEBACK.c.number == number))
        return found[0] if found else None

    def of_key(self, caller: str, key: str) -> Row | None:
        """A caller's writeback by its key; None when there is none."""
        found = self._rows(_shown().where(WRITEBACK.c.caller == caller, WRITEBACK.c.key == key))
        return found[0] if found else None

    def page(
        self, chosen: WritebackFilter, most: int, *, before: int | None = None, oldest_first: bool = False
    ) -> list[Row]:
        """The last `most` of those that are chosen, the newest first; with `before`, those with a
        smaller number.

        With `oldest_first` the first ones instead; `before` then does not count.
        """
        query = _shown().where(*chosen.conditions()).limit(most)
        if oldest_first:
            return self._listed(query.order_by(WRITEBACK.c.number))
        if before is not None:
            query = query.where(WRITEBACK.c.number < before)
        return self._listed(query.order_by(WRITEBACK.c.number.desc()))

    def dead_letters(self, most: int, *, object_name: str | None = None) -> list[Row]:
        """Dead letters, which wait for an operator, the oldest first."""
        return self.page(WritebackFilter(object_name, WritebackState.DEAD), most, oldest_first=True)

    def attempts(self, number: int) -> list[Row]:
        """Every time a writeback was sent, in order."""
        mine = WRITEBACK_ATTEMPT.c.number == number
        shown = [column for column in WRITEBACK_ATTEMPT.c if column.name not in _UNSEEN]
        return self._rows(sa.select(*shown).where(mine).order_by(WRITEBACK_ATTEMPT.c.attempt))

    def counts(self, *, caller: str | None = None) -> list[StateCount]:
        """The number of writebacks by object and state."""
        columns = (WRITEBACK.c.object, WRITEBACK.c.state)
        query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
        if caller is not None:
            query = query.where(WRITEBACK.c.caller == caller)
        with self._store.begin() as connection:
            return [StateCount(*row) for row in connection.execute(query)]

    def of_record(self, record_id: str, most: int) -> list[Row]:
        """The last `most` writebacks of a record by its Salesforce id, in the order of
        acceptance.
        """
        query = _shown().where(WRITEBACK.c.record_id.startswith(record_id, autoescape=True))
        return self._listed(query.order_by(WRITEBACK.c.number.desc()).limit(most))[::-1]

    def latencies(self, within: timedelta = RECENT, newest: int = NEWEST) -> list[Latency]:
        """Duration of the writebacks done within a time, by object; spreads of the `newest`."""
        with self._store.begin() as connection:
            return latencies(connection, within, newest)

    def standings(self) -> list[QueueStats]:
        """Counts of waiting, open, held and dead writebacks, by object."""
        with self._store.begin() as connection:
            return queue_stats(connection)

    def pauses(self) -> list[PauseView]:
        """Pauses, the whole org's first."""
        with self._store.begin() as connection:
            return pause_views(connection)

    def batches(
        self, most: int, *, object_name: str | None = None, is_open: bool = False
    ) -> list[dict[str, Any]]:
        """The last batches, the newest first; `is_open`: only those that are not closed."""
        with self._store.begin() as connection:
            return recent_batches(connection, most, object_name=object_name, is_open=is_open)

    def close(self) -> None:
        """Give the connections back."""
        self._store.close()

    def _listed(self, query: sa.Select[Any]) -> list[Row]:
        """The rows with names in place of values."""
        return [
            {name: sorted(each) if name in _VALUES and each else each for name, each in row.items()}
            for row in self._rows(query)
        ]

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        with self._store.begin() as connection:
            return [shown_row(dict(row)) for row in connection.execute(query).mappings()]


def shown_row(row: Mapping[str, Any]) -> Row:
    """The row without tokens that can be compared."""
    return {name: _shown_value(value) if name in _WITH_TOKENS else value for name, value in row.items()}


def _shown_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shown_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown_value(each) for each in value]
    if not isinstance(value, str):
        return value
    if is_comparable_token(value):
        return ENCRYPTED
    # `Account.ExternalId__c=…`, a record's or parent's lock
    name, equals, key = value.partition("=")
    return f"{name}{equals}{ENCRYPTED}" if is_comparable_token(key) else value


def _shown() -> sa.Select[Any]:
    return sa.select(*(column for column in WRITEBACK.c if column.name not in _UNSEEN))
