"""Record by record, field by field: is the curated warehouse equal to the sandbox org?

Both sides are read in the order of the record ids and walked side by side, so size does not
matter. Encrypted columns are decrypted before they are compared. The org's side comes from its
control plane, which Salesforce does not have: against a live org this question is
reconciliation's.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import psycopg

from cli.stores import object_store
from clients.database.address import Database
from clients.database.connect import connect_postgres, connect_redshift
from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue, FieldSpec, FieldType, ObjectSpec
from schemas.tables import field_columns
from transforms.pii import Protector
from workers.addresses import warehouse_address
from workers.clients import decided_catalogue, open_warehouse
from workers.security.keys import open_key_ring
from workers.settings import Settings

_SHOWN = 20


@dataclass
class Comparison:
    """The compared records and the differences."""

    records: int = 0
    different: int = 0
    shown: list[str] = field(default_factory=list)
    """The first differences, a sentence each; no values, they may be personal."""

    def add(self, sentence: str) -> None:
        self.different += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(sentence)


def compare_engine(control_url: str, settings: Settings) -> Comparison:
    """Compare every object of an engine's catalogue. Changes nothing, and needs the tables."""
    store = object_store(settings)
    with closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
        protector = Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue)
        address = warehouse_address(settings.warehouse)
        connect = connect_redshift if settings.warehouse.kind == "redshift" else connect_postgres
        return compare_all(control_url, address, catalogue, protector, connect=connect)


def compare_all(
    control_url: str,
    dsn: Database,
    catalogue: Catalogue,
    protector: Protector,
    *,
    connect: Callable[[Database], psycopg.Connection] = connect_postgres,
) -> Comparison:
    """Compare every object of the catalogue."""
    found = Comparison()
    with httpx.Client(timeout=120, trust_env=False) as http, connect(dsn) as connection:
        for spec in catalogue.objects.values():
            compare_object(
                spec, _org_records(http, control_url, spec), stored_rows(connection, spec), protector, found
            )
    return found


def compare_object(
    spec: ObjectSpec,
    records: Iterator[dict[str, Any]],
    rows: Iterator[tuple[Any, ...]],
    protector: Protector,
    found: Comparison,
) -> None:
    """Compare one object. `records` as the org's control plane exports them and `rows` of
    `stored_rows`, both in the order of their ids; `found` takes what differs.
    """
    record, row = next(records, None), next(rows, None)
    while record is not None or row is not None:
        found.records += 1
        if row is None or (record is not None and record["Id"] < row[0]):
            found.add(f"{spec.name} {record['Id'] if record else ''} is missing in the warehouse")
            record = next(records, None)
        elif record is None or row[0] < record["Id"]:
            found.add(f"{spec.name} {row[0]} is not in the org")
            row = next(rows, None)
        else:
            if fields := _differing(spec, record, row, protector):
                found.add(f"{spec.name} {row[0]} differs in {', '.join(fields)}")
            record, row = next(records, None), next(rows, None)


def _differing(
    spec: ObjectSpec, record: dict[str, Any], row: tuple[Any, ...], protector: Protector
) -> list[str]:
    different = []
    if bool(record["IsDeleted"]) is not row[1]:
        different.append("IsDeleted")
    if not row[2]:
        different.append("(incomplete)")
    for (name, spec_), value in zip(spec.fields.items(), row[3:], strict=True):
        if spec_.is_protected and value is not None:
            value = protector.decrypt(f"{spec.name}.{name}", value)
        if _org_value(spec_, record.get(name)) != value:
            different.append(name)
    return different


def _org_value(spec: FieldSpec, value: Any) -> Any:
    if value is None or spec.is_protected:
        return value
    if spec.decimals is not None:
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-spec.decimals))
    if spec.type is FieldType.DATE:
        return date.fromisoformat(value)
    if spec.type is FieldType.DATETIME:
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def _org_records(http: httpx.Client, control_url: str, spec: ObjectSpec) -> Iterator[dict[str, Any]]:
    with http.stream("GET", f"{control_url}/records/{spec.name}") as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line:
                yield orjson.loads(line)


def stored_rows(connection: psycopg.Connection, spec: ObjectSpec) -> Iterator[tuple[Any, ...]]:
    """The warehouse's records of an object, in the order of their ids: id, whether it is deleted,
    whether it is complete, then the fields.
    """
    names = ", ".join(column.sql for column in field_columns(spec))
    query = f"SELECT record_id, is_deleted, is_complete, {names} FROM {sql.current_table(spec)} ORDER BY record_id"
    with connection.cursor(name=f"compare_{spec.table}") as cursor:
        cursor.itersize = 5_000
        cursor.execute(query.encode())
        yield from cursor
