"""Fields that the schema watch has decided to keep, without an org that has them."""

from datetime import UTC, datetime

from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import write_rows
from schemas.catalogue import FieldSpec
from schemas.drift import DriftEffect, DriftKind, FieldDrift


def decide(warehouse: Warehouse, object_name: str, field: str, spec: FieldSpec) -> None:
    """Put on record that the object has got the field; the warehouse's tables stay as they are."""
    found = FieldDrift(
        object=object_name, field=field, kind=DriftKind.ADDED, effect=DriftEffect.ADDED, spec=spec
    )
    with warehouse.transaction() as transaction:
        write_rows(transaction, [found], datetime.now(UTC), "tests")
