"""The catalogue of a running process: the file with the decisions of `ops.drift` over it, read
again while it runs.

Holders keep the one object and take an `ObjectSpec` from it once a step: specs never change, the
catalogue's objects do.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
from pydantic import ConfigDict, PrivateAttr

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import apply as sql, drift as drift_sql
from clients.warehouse.stored_names import stored_names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.drift import DriftRow, FieldDrift
from schemas.errors import StaleCatalogueError
from schemas.ops_tables import DRIFT_COLUMNS
from transforms.catalogue.warehouse_names import named
from transforms.drift.compare_schema import overlaid

Heard = Callable[[Catalogue], None]


class LiveCatalogue(Catalogue):
    """A catalogue that `follow` brings up to date, from any thread. Its methods block."""

    model_config = ConfigDict(extra="forbid", frozen=False)

    _file: Catalogue = PrivateAttr()
    _warehouse: Warehouse = PrivateAttr()
    _revisions: dict[str, int] = PrivateAttr(default_factory=dict)
    _rows: list[DriftRow] = PrivateAttr(default_factory=list)
    _heard: list[Heard] = PrivateAttr(default_factory=list)
    _is_named: bool = PrivateAttr(default=False)
    _following: Any = PrivateAttr(default_factory=threading.Lock)

    @classmethod
    def over(cls, file: Catalogue, warehouse: Warehouse) -> "LiveCatalogue":
        """The file with the decisions that the warehouse has by now; its tables must be there."""
        live = cls.unread(file, warehouse)
        live.follow()
        return live

    @classmethod
    def unread(cls, file: Catalogue, warehouse: Warehouse) -> "LiveCatalogue":
        """The file alone until `follow` is called: for a process that starts before the warehouse
        answers.
        """
        live = cls.model_construct(every_object=dict(file.every_object), objects=dict(file.objects))
        live._file, live._warehouse = file, warehouse
        return live

    def when_changed(self, heard: Heard) -> None:
        """Call `heard` after every change, in the thread that found it."""
        self._heard.append(heard)

    def revision_of(self, name: str) -> int | None:
        """The number of the last decision about the object's fields that is known here."""
        return self._revisions.get(name, 0)

    def object_of_file(self, name: str) -> ObjectSpec:
        """The object as the file has it, without decisions over it. Raises `CatalogueError`."""
        return self._file.object(name)

    @property
    def decisions(self) -> list[DriftRow]:
        """Every decision, in order."""
        return self._rows

    def history_of(self, name: str) -> dict[str, DriftRow]:
        """The last decision about each field of an object."""
        return {row.field: row for row in self._rows if row.object == name}

    def follow(self) -> bool:
        """Read what was decided since; True when something was."""
        with self._following:
            known = self._rows[-1].revision if self._rows else 0
            with self._warehouse.transaction() as transaction:
                rows = read_rows(transaction, known)
                # The names are there before the decisions that need them.
                names = stored_names(transaction) if rows or not self._is_named else []
            if not rows and self._is_named:
                return False
            self._is_named = True
            self._rows = [*self._rows, *rows]
            # Objects first: a reader of the revision must see the fields.
            self.objects = named(overlaid(self._file, self._rows), names)
            for heard in self._heard:
                heard(self)
            self._revisions = self._revisions | {row.object: row.revision for row in rows}
        return bool(rows)


def read_rows(transaction: Transaction, after: int = 0) -> list[DriftRow]:
    """The decisions after a revision, in order."""
    names = [column.name for column in DRIFT_COLUMNS]
    found = []
    for values in transaction.fetch(drift_sql.read_drift(), [after]):
        row = dict(zip(names, values, strict=True))
        row["spec"] = None if row["spec"] is None else orjson.loads(row["spec"])
        found.append(DriftRow.model_validate(row))
    return found


def write_rows(transaction: Transaction, found: Iterable[FieldDrift], at: datetime, by: str) -> None:
    """Put decisions on record; nobody else must do so until the transaction ends."""
    ((last,),) = transaction.fetch(drift_sql.find_last_revision())
    statement = sql.insert_row(sql.DRIFT, DRIFT_COLUMNS)
    for revision, each in enumerate(found, int(last) + 1):
        spec = None if each.spec is None else each.spec.model_dump_json(exclude_defaults=True)
        facts: list[Any] = [revision, at, each.object, each.field, each.kind.value, each.effect.value]
        transaction.execute(statement, [*facts, each.was, each.now, spec, each.advice, by])


def check_revision(transaction: Transaction, name: str, known: int | None) -> None:
    """Raise `StaleCatalogueError` when the object's fields were changed after the revision that the
    step began with.

    Ask under the object's lock: a change of the fields holds it, so later writes use the fields
    that they began with. A record that is folded again with fewer fields would lose the others.

    Args:
        transaction: Of the warehouse that the step writes to.
        name: The object.
        known: Its `revision_of`, asked before its fields were taken: another thread may follow
            at any time. None: it never changes.
    """
    if known is None:
        return
    ((newest,),) = transaction.fetch(drift_sql.find_revision(), [name])
    if newest > known:
        raise StaleCatalogueError(object_name=name)
