"""`tidegate writeback submit`, `list` and `show`: the same checks as by HTTP, on real parts."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker
from typer.testing import CliRunner, Result

from cli.main import command_app
from clients.acting import operating_user
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import FieldSpec, FieldType, default_catalogue
from schemas.errors import SettingsError
from schemas.ids import writeback_queue_id
from tests.support.builders.decided import decide
from tests.support.builders.s3_settings import s3_settings
from tests.support.engines.served_api import fresh
from tests.support.scripted.scripted_queue import ScriptedQueue
from workers.value_readings import READ_WRITEBACK

app = command_app()

pytestmark = pytest.mark.service
ORG = "00D00000000WBCMAAA"


@pytest.fixture
def settings(
    tmp_path: Path, temporal_address: str, database: str, warehouse: PostgresWarehouse, s3_address: S3Address
) -> Path:
    warehouse.ensure_tables(default_catalogue())
    values = {
        "salesforce": {"org_id": ORG, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": s3_settings(s3_address),
        "warehouse": {"dsn": database},
        "operational": {"dsn": database},
        "temporal": {"address": temporal_address},
    }
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(values))
    return file


def run(settings: Path, *words: str, stdin: str | None = None) -> Result:
    """The command's ending; an error of ours is raised."""
    ended = CliRunner().invoke(app, ["writeback", *words, "--settings", str(settings)], input=stdin)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended


def answered(settings: Path, *words: str, code: int = 0, stdin: str | None = None) -> Any:
    """The output with --json."""
    ended = run(settings, *words, "--json", stdin=stdin)
    assert ended.exit_code == code, ended.output
    return json.loads(ended.stdout)


ONE = ("submit", "--object", "Case", "--external-id", "C-1", "--by", "ada")


async def test_a_writeback_of_the_command_line_is_accepted_shown_and_its_queue_woken(
    settings: Path, client: Client, database: str
) -> None:
    sets = (
        "--set",
        "Status=Decided",
        "--set",
        "TouchCount__c=3",
        "--set",
        "Priority=",
        "--set",
        "Account.ExternalId__c=A-1",
    )

    async with Worker(client, task_queue=names.WORKFLOW_QUEUE, workflows=[ScriptedQueue]):
        told = await asyncio.to_thread(answered, settings, *ONE, *sets, "--key", "k-1", "--no-create")
        [accepted] = told["accepted"]
        assert await client.get_workflow_handle(writeback_queue_id(ORG, "Case")).query("woken") == 1
    found = answered(settings, "show", str(accepted["number"]))
    assert found["fields"] == {
        "Status": "Decided",
        "TouchCount__c": 3,
        "Priority": None,
        "Account": {"ExternalId__c": "A-1"},
    }
    assert (found["caller"], found["key"], found["may_create"], found["tried"]) == ("ada", "k-1", False, [])
    page = run(settings, "show", str(accepted["number"])).stdout
    assert "Decided" in page
    again = await asyncio.to_thread(run, settings, *ONE, *sets, "--key", "k-1", "--no-create")
    assert "which it was before" in again.stdout
    assert run(settings, "show", "999").exit_code == 1
    with closing(AuditLog(database)) as log:
        acts = [(act.act, act.by) for _, act in log.rows() if act.target.endswith(f"/{accepted['number']}")]
    assert acts == [(READ_WRITEBACK, operating_user())] * 2, "each of the two is a reading"
    assert "Decided" not in run(settings, "list", "--json").stdout


def test_a_refused_one_says_why_and_ends_with_1(settings: Path) -> None:
    ended = run(settings, *ONE, "--set", "Statsu=Decided")
    said = " ".join(ended.stderr.split())
    assert (ended.exit_code, "fields.Statsu" in said, "Did you mean Status" in said) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("submit",), "Give a file, or --object"),
        ((*ONE,), "at least one --set"),
        ((*ONE, "--set", "Status"), "FIELD=VALUE"),
        ((*ONE, "--set", "Status=x", "--deadline", "soon"), "no time"),
        (("submit", "x.txt"), "ending of x.txt"),
        (("submit", "x.csv"), "Give --object"),
        (("submit", "nowhere.csv", "--object", "Case"), "no file nowhere.csv"),
        (("submit", "x.csv", "--object", "Case", "--key", "k"), "Leave --external-id"),
    ],
)
def test_what_cannot_be_done_says_what_to_give(settings: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run(settings, *words)


def test_a_file_is_read_and_the_same_file_again_does_nothing(settings: Path, tmp_path: Path) -> None:
    file = tmp_path / f"{fresh('cases')}.csv"
    file.write_text("external_id,Subject\nC-1,a\nC-2,b\n,c\n")
    first = answered(settings, "submit", str(file), "--object", "Case", code=1)
    assert [first[name] for name in ("rows", "accepted", "repeated", "refused")] == [3, 2, 0, 1]
    assert (first["refusals"][0]["index"], first["refusals"][0]["field"]) == (3, "external_id")
    again = run(settings, "submit", str(file), "--object", "Case")
    assert "3 rows: 0 accepted, 2 accepted before, 1 refused" in again.stdout
    file.write_text("external_id,Subject\nC-1,another\n")
    assert answered(settings, "submit", str(file), "--object", "Case")["accepted"] == 1
    counts = answered(settings, "list")["counts"]
    assert counts == [{"object": "Case", "state": "waiting", "writebacks": 3}]
    assert "C-2" in run(settings, "list", "--state", "waiting").stdout
    assert answered(settings, "list", "--state", "dead")["writebacks"] == []


def test_a_field_that_the_org_got_since_the_catalogue_was_written_can_be_set(
    settings: Path, warehouse: PostgresWarehouse
) -> None:
    decide(warehouse, "Case", "Grade__c", FieldSpec(type=FieldType.STRING))
    assert len(answered(settings, *ONE, "--set", "Grade__c=A")["accepted"]) == 1


def test_before_an_engine_has_run_the_catalogue_is_the_file(
    settings: Path, warehouse: PostgresWarehouse
) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("DROP SCHEMA ops CASCADE")
    assert len(answered(settings, *ONE, "--set", "Subject=x")["accepted"]) == 1


def test_whole_writebacks_come_on_stdin(settings: Path) -> None:
    line = {"object": "Contact", "external_id": "P-1", "key": "k", "fields": {"LastName": "Zq7Personal"}}
    told = answered(settings, "submit", "-", stdin=json.dumps(line) + "\n")
    assert told["accepted"] == 1
    assert "Zq7Personal" not in run(settings, "list", "--json").stdout


def test_a_pause_says_that_it_is_in_force_and_who_else_holds_something_back(settings: Path) -> None:
    run(settings, "drain", "--all", "--by", "bob", "--reason", "a move")
    page = run(settings, "pause", "Case", "--by", "ada", "--reason", "release").stdout
    assert "writebacks of Case are paused: nothing more is sent" in page
    assert "still in force: all objects drained up to 0 by bob" in page
    told = answered(settings, "resume", "--all", "--by", "ada")
    assert [(each["object"], each["by"], each["reason"]) for each in told["pauses"]] == [
        ("Case", "ada", "release")
    ]
    assert "Case are resumed" in run(settings, "resume", "Case").stdout


def test_what_is_left_as_it_is_is_listed_with_the_reason_and_ends_with_1(settings: Path) -> None:
    [accepted] = answered(settings, *ONE, "--set", "Subject=x")["accepted"]
    ended = run(settings, "retry", str(accepted["number"]), "99")
    assert (ended.exit_code, "It is waiting" in ended.stdout, "no such writeback" in ended.stdout) == (
        1,
        True,
        True,
    )
    assert answered(settings, "discard", "--object", "Case", "--state", "dead")["numbers"] == []
    assert "nothing is undone" in run(settings, "undo", str(accepted["number"])).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pause",), "Name an object, or say --all"),
        (("pause", "Case", "--all"), "not both"),
        (("retry",), "numbers, or --object, --code, --state, --batch"),
        (("discard", "1", "--object", "Case"), "not both"),
        (("undo",), "numbers, or --batch"),
    ],
)
def test_an_act_that_chooses_nothing_or_twice_says_what_to_give(
    settings: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        run(settings, *words)


def test_batches_and_latencies_are_empty_before_anything_is_sent(settings: Path) -> None:
    assert answered(settings, "batches", "--state", "open") == {"batches": []}
    assert answered(settings, "latency", "--hours", "24") == {"objects": []}
    assert "no batches" in run(settings, "batches", "--object", "Case").stdout
    assert "nothing was done" in run(settings, "latency").stdout
