"""The adapter's contract, kept by a real warehouse in schemas of its own."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from activities.apply.applier import Applier
from clients.storage.objects import ObjectStore
from clients.warehouse import Load, Warehouse
from clients.warehouse.redshift_values import MOST_VALUES
from clients.warehouse.sql.apply import CHECKED, LEDGER, RECORD_LIST, current_table, history_table
from schemas.catalogue import Catalogue
from schemas.ingest.messages import ApplyInput, StagedObject
from schemas.ingest.raw import RAW_SCHEMA, Manifest
from schemas.tables import Column, Kind, arrow_schema
from transforms.ingest.stage_events import stage_objects
from workers.warehouse_verify.answers import Answer, OtherwiseError, answered, clock, need

CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            "Tried__c": {
                "label": "Tried",
                "key_prefix": "a0x",
                "history": True,
                "fields": {
                    "Type": {"type": "string", "length": 20},
                    "Start__c": {"type": "textarea", "length": 32_000},
                    "Amount__c": {"type": "currency"},
                },
            }
        }
    }
)
SPEC = CATALOGUE.object("Tried__c")
RECORD = "a0x000000000001AAA"
_KINDS = tuple(Column(kind.value, kind, scale=2 if kind is Kind.DECIMAL else 0) for kind in Kind)
_NOW = datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC)
_ROW: dict[str, Any] = {
    "text": "it's ü 中\\",
    "boolean": True,
    "integer": 2**53 + 1,
    "double": 0.1,
    "decimal": Decimal("1234567890123456.78"),
    "date": date(1700, 1, 31),
    "timestamp": _NOW,
}
_PATIENCE = 30.0
_CHECKED = f"INSERT INTO {CHECKED} (object, checked_until) VALUES (%s, %s)"


@dataclass
class Contract:
    """Asks one adapter. `warehouse` has schemas of its own, which are dropped afterwards."""

    warehouse: Warehouse
    store: ObjectStore
    folder: str
    """Prefix of the objects that it writes, which are deleted afterwards."""
    keys: list[str] = field(default_factory=list)

    def ask(self) -> list[Answer]:
        """Every answer, in order."""
        asked: tuple[tuple[str, Callable[[], str]], ...] = (
            ("tables are made once", self._tables),
            ("values come back as they were loaded", self._values),
            ("many rows are loaded", self._many),
            ("many rows of two tables are loaded together", self._together),
            ("a text of 65,535 bytes is loaded", self._longest_text),
            ("what fails leaves nothing", self._rollback),
            ("one applier an object", self._lock),
            ("a reader holds no applier up", self._reader),
            ("batches are applied, and once", self._apply),
        )
        found = [answered(name, ask) for name, ask in asked]
        # Without the right to unload, large readings go by pages.
        return [*found, answered("a large reading is unloaded", self._export, is_needed=False)]

    def clean(self) -> None:
        """Delete the objects."""
        for key in self.keys:
            self.store.delete(key)

    def _tables(self) -> str:
        made = self.warehouse.ensure_tables(CATALOGUE)
        again = self.warehouse.ensure_tables(CATALOGUE)
        need(not again, f"a second time it made {', '.join(again[:3])}")
        return f"{len(made)} were made"

    def _values(self) -> str:
        rows = pa.Table.from_pylist([_ROW, dict.fromkeys(_ROW)], schema=arrow_schema(_KINDS))
        names = ", ".join(column.sql for column in _KINDS)
        with self.warehouse.transaction() as transaction:
            transaction.stage("stage_kinds", _KINDS, rows)
            found = transaction.fetch(f'SELECT {names} FROM stage_kinds WHERE "text" IS NOT NULL')
        need(found == [tuple(_ROW.values())], f"sent {tuple(_ROW.values())}, got {found}")
        return "every kind of value, and null"

    def _many(self) -> str:
        count = 20 * MOST_VALUES
        ids = pa.table({"record_id": [f"a0x{number:015}" for number in range(count)]})
        with clock() as took, self.warehouse.transaction() as transaction:
            transaction.stage("stage_many", RECORD_LIST, ids)
            [(found,)] = transaction.fetch("SELECT COUNT(DISTINCT record_id) FROM stage_many")
            need(found == count, f"of {count:,} ids {found:,} came")
            return f"{count:,} ids in {took()}"

    def _together(self) -> str:
        count = 2 * MOST_VALUES
        number, name = Column("number", Kind.INTEGER), Column("name", Kind.TEXT, 20)
        numbers = pa.table({"number": range(count)})
        names = pa.table({"name": [f"name {each}" for each in range(count)], "number": range(count)})
        loads = [
            Load("stage_numbers", (number,), numbers, is_stage=True),
            Load("stage_names", (name, number), names, is_stage=True),
        ]
        with clock() as took, self.warehouse.transaction() as transaction:
            transaction.load_all(loads)
            [(found,)] = transaction.fetch(
                "SELECT COUNT(*) FROM stage_numbers JOIN stage_names ON stage_names.number = stage_numbers.number"
            )
            need(found == count, f"of {count:,} rows {found:,} came")
            return f"{count:,} rows each in {took()}"

    def _export(self) -> str:
        rows = pa.Table.from_pylist([_ROW, dict.fromkeys(_ROW)], schema=arrow_schema(_KINDS))
        names = ", ".join(column.sql for column in _KINDS)
        with clock() as took, self.warehouse.transaction() as transaction:
            transaction.stage("stage_kinds", _KINDS, rows)
            exported = transaction.export(f'SELECT {names} FROM stage_kinds WHERE "integer" IS NOT NULL')
            if exported is None:
                return "this warehouse has no UNLOAD, and needs none"
            found = [row for some in exported for row in some]
            need(found == [tuple(_ROW.values())], f"sent {tuple(_ROW.values())}, got {found}")
            return f"every kind of value in {took()}"

    def _longest_text(self) -> str:
        column = Column("value", Kind.TEXT)
        rows = pa.table({"value": ["中" * 21_845] * 2}, schema=arrow_schema((column,)))
        with self.warehouse.transaction() as transaction:
            transaction.stage("stage_texts", (column,), rows)
            found = transaction.fetch("SELECT MIN(LENGTH(value)), MIN(OCTET_LENGTH(value)) FROM stage_texts")
        need(found == [(21_845, 65_535)], f"its length is {found}")
        return "21,845 characters of three bytes"

    def _rollback(self) -> str:
        with suppress(OtherwiseError), self.warehouse.transaction() as transaction:
            transaction.lock_object(SPEC.table)
            transaction.execute(_CHECKED, ["x", _NOW])
            need(False, "as wanted")
        with self.warehouse.transaction() as transaction:
            need(transaction.fetch(f"SELECT object FROM {CHECKED}") == [], "a row is left")
        return "no row is left"

    def _lock(self) -> str:
        order: list[str] = []
        has_lock = threading.Event()

        def second() -> None:
            has_lock.wait(_PATIENCE)
            with self.warehouse.transaction() as transaction:
                transaction.lock_object(SPEC.table)
                [(seen,)] = transaction.fetch(f"SELECT COUNT(*) FROM {CHECKED} WHERE object = 'first'")
                order.append(f"second sees {seen}")

        thread = threading.Thread(target=second)
        thread.start()
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(SPEC.table)
            has_lock.set()
            transaction.execute(_CHECKED, ["first", _NOW])
            thread.join(2.0)
            order.append("first commits")
        thread.join(_PATIENCE)
        need(order == ["first commits", "second sees 1"], f"the order was {order}")
        return "the second waits, and sees what the first has committed"

    def _reader(self) -> str:
        with self.warehouse.reading() as reading:
            reading.fetch(f"SELECT COUNT(*) FROM {current_table(SPEC)}")
            done = threading.Event()

            def writer() -> None:
                with self.warehouse.transaction() as transaction:
                    transaction.lock_object(SPEC.table)
                    transaction.execute(f"DELETE FROM {CHECKED}")
                done.set()

            thread = threading.Thread(target=writer)
            thread.start()
            is_done = done.wait(_PATIENCE)
        thread.join(_PATIENCE)
        need(is_done, f"an applier waited {_PATIENCE:g} s for a reader that is idle in its transaction")
        return "a reader that is idle in its transaction keeps nobody waiting"

    def _apply(self) -> str:
        applier = Applier(self.warehouse, self.store, CATALOGUE)
        first = self._item(1, "CREATE", {"Type": "new", "Start__c": "中" * 400, "Amount__c": 1.25})
        second = self._item(2, "UPDATE", {"Type": "changed"})
        with clock() as took:
            results = [applier.apply([each])[0] for each in (first, second, second)]
            seconds = took()
        need([each.applied for each in results] == [1, 1, 1], f"the results are {results}")
        with self.warehouse.reading() as reading:
            current = reading.fetch(f'SELECT "type", "version", "amount" FROM {current_table(SPEC)}')
            versions = reading.fetch(
                f'SELECT "type", is_current FROM {history_table(SPEC)} ORDER BY valid_from'
            )
            [(ledger,)] = reading.fetch(f"SELECT COUNT(*) FROM {LEDGER}")
        need(current == [("changed", 2, Decimal("1.25"))], f"current is {current}")
        need(versions == [("new", False), ("changed", True)], f"history is {versions}")
        need(ledger == 2, f"the ledger has {ledger} rows")
        return f"a create, an update and a redelivery in {seconds}"

    def _item(self, number: int, change_type: str, fields: dict[str, Any]) -> ApplyInput:
        header = {
            "entityName": SPEC.name,
            "recordIds": [RECORD],
            "changeType": change_type,
            "commitTimestamp": 1_700_000_000_000 + 1_000 * number,
            "commitNumber": number,
            "sequenceNumber": 1,
        }
        event = orjson.dumps({"payload": {"ChangeEventHeader": header, **fields}}).decode()
        row = {
            "position": str(number),
            "object": SPEC.name,
            "changes": 1,
            "received_at": _NOW,
            "event": event,
        }
        raw = pa.Table.from_pylist([row], schema=RAW_SCHEMA)
        ((_, (landed, changes, _)),) = stage_objects(raw, CATALOGUE, batch=f"verify/{number}").items()
        body, key = BytesIO(), f"{self.folder}{number}.parquet"
        pq.write_table(changes, body)
        self.store.put(key, body.getvalue())
        self.keys.append(key)
        manifest = Manifest(
            org="verify",
            lane="verify",
            start=str(number),
            end=str(number + 1),
            raw_key="verify",
            raw_sha256="",
            raw_bytes=0,
            events=1,
            landed={SPEC.name: 1},
            first_received_at=_NOW,
            last_received_at=_NOW,
        )
        share = StagedObject(
            object=SPEC.name, staged_key=key, refused_key=None, landed=landed, staged=1, refused=0
        )
        return ApplyInput(manifest=manifest, staged=share)
