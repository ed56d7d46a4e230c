"""The same question is one run, whether the command or the API asks it."""

from pathlib import Path

import pytest

from clients.storage.objects import S3Address
from sandbox.org.schema.ids import eighteen
from schemas.errors import RunAlreadyCompletedError
from tests.support.builders.waiting import until
from tests.support.command_line import answer, settings_file_of
from tests.support.engines.served_api import ORG, ServedApi

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

WEEK = {"since": "2026-11-01", "until": "2026-11-08"}


@pytest.fixture
def settings(tmp_path: Path, temporal_server: str, module_database: str, s3_address: S3Address) -> Path:
    return settings_file_of(
        tmp_path, org=ORG, database=module_database, temporal=temporal_server, s3=s3_address
    )


async def test_a_backfill_of_a_week_is_one_run_at_both_doors(api: ServedApi, settings: Path) -> None:
    words = ("--since", WEEK["since"], "--until", WEEK["until"])
    typed = await answer(settings, "backfill", "Contact", *words, "--detach")
    sent = await api.backfill(object="Contact", **{name: f"{day}T00:00:00Z" for name, day in WEEK.items()})
    assert typed["name"] == "2026-11-01..2026-11-08"
    assert (typed["is_new"], sent["is_new"]) == (True, False)
    assert sent["workflow_id"] == typed["workflow"]


async def test_a_backfill_of_ids_is_one_run_at_both_doors(
    api: ServedApi, settings: Path, tmp_path: Path
) -> None:
    ids = [eighteen("001Tg0000000abD"), eighteen("001Tg0000000abC")]
    sent = await api.backfill(object="Account", ids=ids)
    await until(lambda: api.has_ended(sent))
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(each[:15] for each in reversed(ids)))
    with pytest.raises(RunAlreadyCompletedError) as refused:
        await answer(settings, "backfill", "Account", "--ids", str(file))
    assert refused.value.window == sent["id"].removeprefix("Account~")


async def test_a_reconciliation_is_one_run_at_both_doors(api: ServedApi, settings: Path) -> None:
    typed = await answer(settings, "reconcile", "Contact", "--depth", "ids", "--no-repair", "--detach")
    body = {"object": "Contact", "depth": "ids", "repairs": False}
    sent = (await api.ask("POST", "/v1/reconciliations", json=body)).json()
    assert (typed["is_new"], sent["is_new"]) == (True, False)
    assert sent["workflow_id"] == typed["workflow"] == f"reconcile/{ORG}/Contact/all.ids.no-repair"
