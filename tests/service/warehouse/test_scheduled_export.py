"""Exports that a schedule starts: of every object, done again after a kill, and each by itself."""

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clients.storage.objects import ObjectStore, S3Address
from clients.temporal.schedule_standing import export_standing
from clients.warehouse.export.exporter import Exporter
from clients.warehouse.export.place import opened_place
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.ids import schedule_id
from schemas.model.export import ExportInput, ExportRun, ObjectExport
from schemas.settings.model import ExportSettings
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.builders.unreachable_settings import unreachable_settings
from tests.support.builders.waiting import until
from tests.support.engines.exporting import exports_to, started_worker
from tests.support.scripted.scripted_export import export_workers
from workers.model.exports import ensure_exports
from workflows import ExportWorkflow

pytestmark = pytest.mark.service
ACCOUNT = default_catalogue().object("Account")
IDS = [f"00100000000000{number}AAA" for number in range(1, 6)]


@pytest.fixture
async def filled(store: ObjectStore, warehouse: PostgresWarehouse) -> PostgresWarehouse:
    """A warehouse with five accounts, and nothing of the other objects."""
    warehouse.ensure_tables(default_catalogue())
    whole = {**stamps(), "Region__c": "North"}
    changes = [event(n, whole, object_name="Account", record_ids=[each]) for n, each in enumerate(IDS, 1)]
    await Road(store, warehouse).send(changes)
    return warehouse


def manifest(folder: Path, name: str) -> ObjectExport | None:
    """The last export's of an object; None = there is none."""
    file = folder / name / "manifest.json"
    return ObjectExport.model_validate_json(file.read_bytes()) if file.exists() else None


async def run_export(client: Client) -> ExportRun:
    return await client.execute_workflow(
        ExportWorkflow.run,
        ExportInput(org="o"),
        id=f"export/{uuid.uuid4().hex}",
        task_queue=names.WORKFLOW_QUEUE,
    )


async def test_a_run_of_the_schedule_writes_a_manifest_of_every_object(
    client: Client, filled: PostgresWarehouse, tmp_path: Path
) -> None:
    org = f"o{uuid.uuid4().hex[:10]}"
    wanted = ExportSettings(on=True, where=str(tmp_path), interval=timedelta(hours=1))
    await ensure_exports(client, unreachable_settings(org, export=wanted))
    handle = client.get_schedule_handle(schedule_id(org, "export"))
    async with export_workers(client, exports_to(filled, tmp_path)):
        await handle.trigger()

        async def has_succeeded() -> bool:
            return (await export_standing(client, org)).succeeded_at is not None

        await until(has_succeeded, seconds=60)
        found = {name: manifest(tmp_path, name) for name in default_catalogue().objects}
        again = await run_export(client)
    assert {name: each and each.rows("current") for name, each in found.items()} == {
        name: 5 if name == "Account" else 0 for name in found
    }
    assert (again.objects, again.written) == (len(found), 0), "nothing was applied since"
    await ensure_exports(client, unreachable_settings(org))
    assert (await export_standing(client, org)).scheduled_at is None


async def test_an_export_whose_process_is_killed_is_done_again(
    client: Client, filled: PostgresWarehouse, temporal_server: str, database: str, tmp_path: Path
) -> None:
    aside, folder = tmp_path / "aside", tmp_path / "export"
    files, place = opened_place(str(aside))
    commit = Exporter(filled, files, place).export(ACCOUNT, datetime.now(UTC)).commit
    # To open it for writing waits for a reader: the export stands still in the middle.
    stopper = folder / "Account" / "history" / f"{commit}-0001.parquet"
    stopper.parent.mkdir(parents=True)
    os.mkfifo(stopper)
    run = await client.start_workflow(
        ExportWorkflow.run,
        ExportInput(org="o"),
        id=f"export/{uuid.uuid4().hex}",
        task_queue=names.WORKFLOW_QUEUE,
    )
    process = started_worker(temporal_server, database, folder)
    try:

        async def is_in_the_middle() -> bool:
            return stopper.with_name(f"{commit}-0000.parquet").exists()

        await until(is_in_the_middle, seconds=120)
    finally:
        process.kill()
        process.wait()
    assert manifest(folder, "Account") is None
    stopper.unlink()
    async with export_workers(client, exports_to(filled, folder, ("Account",))):
        done = await run.result()
    assert (done.objects, done.written, done.problems) == (1, 1, ())
    made = manifest(folder, "Account")
    assert made is not None
    assert [made.rows(table) for table in ("current", "history", "change")] == [5, 5, 5]
    for table in ("current", "history", "change"):
        for file in getattr(made, table):
            assert pq.read_table(folder / "Account" / file.path).num_rows == file.rows


async def test_an_object_that_fails_is_named_and_holds_no_other_up(
    client: Client, filled: PostgresWarehouse, tmp_path: Path
) -> None:
    (tmp_path / "Account").mkdir()
    (tmp_path / "Account" / "manifest.json").write_text("{}")
    async with export_workers(client, exports_to(filled, tmp_path, ("Account", "Nothing", "Case"))):
        with pytest.raises(WorkflowFailureError) as failed:
            await run_export(client)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "ExportFailed"
    assert [each.partition(":")[0] for each in failed.value.cause.message.split("; ")] == [
        "Account",
        "Nothing",
    ]
    assert manifest(tmp_path, "Case") is not None


async def test_an_export_that_another_one_overtook_names_no_files(
    filled: PostgresWarehouse, tmp_path: Path
) -> None:
    files, place = opened_place(str(tmp_path))
    other = Exporter(filled, files, place)

    def another_comes_first() -> bool:
        if manifest(tmp_path, "Account") is None:
            other.export(ACCOUNT, datetime.now(UTC))
        return False

    with pytest.raises(SettingsError, match="Another export has written"):
        Exporter(filled, files, place, is_given_up=another_comes_first).export(ACCOUNT, datetime.now(UTC))
    with pytest.raises(InterruptedError):
        Exporter(filled, files, f"{place}/b", is_given_up=lambda: True).export(ACCOUNT, datetime.now(UTC))
    assert not (tmp_path / "b" / "Account" / "manifest.json").exists()


async def test_an_export_goes_to_a_bucket(
    client: Client,
    filled: PostgresWarehouse,
    s3_address: S3Address,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_address.access_key or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_address.secret_key or "")
    scheme, _, host = str(s3_address.endpoint_url).partition("://")
    prefix = f"{s3_address.bucket}/{uuid.uuid4().hex}"
    where = f"s3://{prefix}?region={s3_address.region}&scheme={scheme}&endpoint_override={host}"
    exports = exports_to(filled, tmp_path, ("Account",))
    exports = type(exports)(filled, exports.catalogue, exports.settings.model_copy(update={"where": where}))
    async with export_workers(client, exports):
        done = await run_export(client)
    assert done.problems == ()
    files, folder = opened_place(where)
    made = Exporter(filled, files, folder).manifest(ACCOUNT)
    assert made is not None
    for each in made.current:
        found = files.get_file_info(f"{folder}/Account/{each.path}")
        assert (found.type, found.size) == (pa_fs.FileType.File, each.bytes)
