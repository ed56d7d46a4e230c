"""Months of a road that are archived, dropped and expired, by a clock that the test turns."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import time_machine

from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue, default_catalogue
from schemas.ingest.raw import Manifest
from tests.support.builders.batches import Road
from tests.support.builders.bus import event
from tests.support.builders.retention import EIGHT_YEARS_AGO, retention, within
from transforms.retention.periods import Month

START = EIGHT_YEARS_AGO
CONTACTS = [f"003{number:012d}AAA" for number in range(1, 4)]
LOG = "audit.contact_change"
LATER = START.plus(16)
"""Both months have left the warehouse, which has them 13 months here."""


def new_road(store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue | None = None) -> Road:
    """A road of an org of its own: what lies under lock stays for the next test."""
    return Road(store, warehouse, catalogue or default_catalogue(), org=uuid.uuid4().hex[:18])


@contextmanager
def thirteen_months(road: Road, s3: S3Address, dsn: str) -> Iterator[RetentionParts]:
    """Retention of a road, with 13 months of the change log in the warehouse."""
    made = retention(s3, dsn, road.warehouse, road.catalogue, org=road.org)
    try:
        yield replace(made, policy=made.policy.model_copy(update={"warehouse_months": 13}))
    finally:
        made.close()


def contact(month: Month, number: int, record: str, *, kind: str = "UPDATE", **fields: Any) -> dict[str, Any]:
    """A change that was committed shortly before it is sent in that month."""
    made = event(number, fields, object_name="Contact", change_type=kind, record_ids=[record])
    return committed(made, month, number)


def committed(made: dict[str, Any], month: Month, number: int) -> dict[str, Any]:
    moment = within(month) - timedelta(minutes=5) + timedelta(seconds=number)
    made["payload"]["ChangeEventHeader"]["commitTimestamp"] = round(moment.timestamp() * 1_000)
    return made


async def send(road: Road, month: Month, events: list[dict[str, Any]]) -> Manifest:
    """One batch, landed and applied in the middle of a month."""
    with time_machine.travel(within(month), tick=False):
        manifest = road.land(events)
        for item in (await road.stage(manifest)).values():
            road.applier(road.warehouse).apply([item])
    return manifest


async def two_months(road: Road) -> list[Manifest]:
    """Three contacts in the first month; two of them change in the second."""
    first = [
        contact(START, n, each, kind="CREATE", LastName=f"Person {n}") for n, each in enumerate(CONTACTS, 1)
    ]
    later = [
        contact(START.plus(1), 11, CONTACTS[0], LastName="Person One"),
        contact(START.plus(1), 12, CONTACTS[1], Title="Captain"),
    ]
    return [await send(road, START, first), await send(road, START.plus(1), later)]


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def curated(dsn: str) -> list[list[tuple[Any, ...]]]:
    return [
        rows(dsn, f"SELECT * FROM curated.contact_{name} ORDER BY 1, changed_at")
        for name in ("current", "history")
    ]


def states(kept: RetentionParts, source: str = LOG) -> dict[str, str]:
    return {row.month: row.state for row in archived_months(kept.warehouse) if row.source == source}
