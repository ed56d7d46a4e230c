"""The Redshift adapter against the stand-in: what the engine sends is in the dialect."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.sql.apply import TABLES_OF_OPS, tables_of
from schemas.catalogue import Catalogue, default_catalogue
from tests.support.builders.batches import Road
from tests.support.builders.bus import event

pytestmark = pytest.mark.service
CASES = [f"500{number:012d}AAA" for number in range(5)]


def with_history() -> Catalogue:
    """The catalogue that ships, with versions of cases."""
    described = default_catalogue().model_dump(mode="json")
    described["objects"]["Case"]["history"] = True
    return Catalogue.model_validate(described)


def test_tables_are_made_once(redshift_warehouse: RedshiftWarehouse):
    catalogue = default_catalogue()
    made = redshift_warehouse.ensure_tables(catalogue)
    tables = {table for spec in catalogue.objects.values() for table in tables_of(spec)}
    assert {name for name in made if not name.startswith("ops.lock_")} == tables | set(TABLES_OF_OPS)
    assert redshift_warehouse.ensure_tables(catalogue) == []


def test_the_stand_in_calls_itself_version_8(redshift_database: str):
    with psycopg.connect(redshift_database, client_encoding="utf8") as connection:
        assert connection.info.parameter_status("server_version") == "8.0.2"
        assert connection.execute("SELECT 1 AS one").fetchone() == (1,)


async def test_a_batch_is_applied_through_copy_and_merge(
    redshift_warehouse: RedshiftWarehouse, store: ObjectStore, database: str
):
    road = Road(store, redshift_warehouse, with_history())
    redshift_warehouse.ensure_tables(road.catalogue)
    await road.send([event(place, record_ids=[record]) for place, record in enumerate(CASES, start=1)])
    update = event(9, {"Status": "Closed"}, change_type="UPDATE", record_ids=CASES[:1])
    results = await road.send([update])
    assert (results["Case"].landed, results["Case"].applied) == (1, 1)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT record_id, status FROM curated.case_current ORDER BY record_id")
        assert found.fetchall() == [(CASES[0], "Closed"), *((record, "New") for record in CASES[1:])]
        versions = connection.execute("SELECT COUNT(*) FROM curated.case_history")
        assert versions.fetchone() == (6,)


def test_workers_that_start_at_once_make_the_tables_together(redshift_warehouse: RedshiftWarehouse):
    catalogue, starts = default_catalogue(), threading.Barrier(4)

    def start() -> list[str]:
        starts.wait()
        return redshift_warehouse.ensure_tables(catalogue)

    with ThreadPoolExecutor(4) as workers:
        made = [name for each in [workers.submit(start) for _ in range(4)] for name in each.result()]
    assert {table for table in made if "." in table} >= set(TABLES_OF_OPS)
    assert redshift_warehouse.ensure_tables(catalogue) == []
