"""An export of an object's tables, read back as other engines read it: by its manifest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse.export.exporter import Exporter
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.model.export import ObjectExport
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps

pytestmark = pytest.mark.service
ACCOUNT = default_catalogue().object("Account")
IDS = [f"00100000000000{number}AAA" for number in range(1, 6)]


@pytest.fixture
def road(store: ObjectStore, warehouse: PostgresWarehouse) -> Road:
    warehouse.ensure_tables(default_catalogue())
    return Road(store, warehouse)


@pytest.fixture
def exporter(road: Road, tmp_path: Path) -> Exporter:
    # Two rows a file, so that every table has several.
    return Exporter(road.warehouse, pa_fs.LocalFileSystem(), str(tmp_path), page=2)


def account(number: int, record: str, change_type: str = "UPDATE", **fields: Any) -> dict[str, Any]:
    whole = {**stamps(), **fields} if change_type == "CREATE" else fields
    return event(number, whole, object_name="Account", change_type=change_type, record_ids=[record])


def exported(exporter: Exporter) -> ObjectExport:
    return exporter.export(ACCOUNT, datetime.now(UTC))


def read(folder: Path, table: str) -> pa.Table:
    """The rows by the manifest alone."""
    manifest = ObjectExport.model_validate_json((folder / "Account" / "manifest.json").read_bytes())
    files = [pq.read_table(folder / "Account" / each.path) for each in getattr(manifest, table)]
    return pa.concat_tables(files)


async def test_the_files_hold_every_row_once_after_each_export(
    road: Road, exporter: Exporter, tmp_path: Path
) -> None:
    await road.send(
        [account(n, each, "CREATE", Name=f"Person {n}", Region__c="North") for n, each in enumerate(IDS, 1)]
    )
    first = exported(exporter)
    assert (first.rows("current"), first.rows("history"), first.rows("change")) == (5, 5, 5)
    await road.send([account(11, IDS[0], Region__c="South"), account(12, IDS[1], "DELETE")])
    second = exported(exporter)
    assert (second.commit, second.rows("change")) == (first.commit + 1, 7)
    current = {row["record_id"]: row for row in read(tmp_path, "current").to_pylist()}
    assert {each: row["region"] for each, row in current.items()} == {
        each: "South" if each == IDS[0] else "North" for each in IDS
    }
    assert [each for each, row in current.items() if row["is_deleted"]] == [IDS[1]]
    changes = read(tmp_path, "change").to_pylist()
    assert len({(row["record_id"], row["change_order"]) for row in changes}) == len(changes) == 7
    assert read(tmp_path, "history").num_rows == 7


async def test_fields_that_an_erasure_takes_are_in_no_file(
    road: Road, exporter: Exporter, tmp_path: Path
) -> None:
    await road.send([account(1, IDS[0], "CREATE", Name="Ada Muster")])
    made = exported(exporter)
    assert "Name" in made.left_out
    for table in ("current", "history", "change"):
        assert "name" not in read(tmp_path, table).column_names


async def test_an_export_without_news_writes_nothing_and_one_that_died_leaves_nothing(
    road: Road, exporter: Exporter, tmp_path: Path
) -> None:
    await road.send([account(1, IDS[0], "CREATE", Region__c="North")])
    first = exported(exporter)
    assert exported(exporter) == first
    left = tmp_path / "Account" / "current" / "9-0000.parquet"
    left.write_bytes(b"half")
    assert read(tmp_path, "current").num_rows == 1
    await road.send([account(2, IDS[0], Region__c="South")])
    second = exported(exporter)
    assert not left.exists()
    for each in (*first.current, *second.current):
        assert (tmp_path / "Account" / each.path).exists(), "readers of the manifest before still need it"


def test_a_folder_with_another_manifest_is_refused(exporter: Exporter, tmp_path: Path) -> None:
    (tmp_path / "Account").mkdir()
    (tmp_path / "Account" / "manifest.json").write_text("{}")
    with pytest.raises(SettingsError, match="no manifest of an export"):
        exported(exporter)
