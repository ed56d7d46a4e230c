"""`tidegate quality`, `tidegate quarantine acknowledge` and `tidegate trace` on real parts: what
they show, change and leave on record.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from activities.quality.references import LookPace, ReferenceChecks
from cli.main import command_app
from clients.acting import operating_user
from clients.database.audit_log import AuditLog
from clients.database.engine import open_engine
from clients.database.migrations import ensure_schema
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.errors import SettingsError
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, whole_case
from tests.support.builders.s3_settings import s3_settings
from tests.support.engines.replaying import ORG
from transforms.ingest.decode_events import BROKEN

app = command_app()

pytestmark = pytest.mark.service

CASE = "500000000000001AAA"


@pytest.fixture
async def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    """A case whose subject is too long and whose account has not come, and a message that cannot be
    read.
    """
    opened = Road(store, warehouse)
    warehouse.ensure_tables(opened.catalogue)
    case = {**whole_case(1), "Subject": "x" * 300, "AccountId": "001000000000001AAA"}
    broken = {BROKEN: '{"data": {"payload": {"ChangeEventHea', "event": {"replayId": 2}}
    await opened.send([event(1, case, record_ids=[CASE]), broken])
    ReferenceChecks(
        warehouse, opened.catalogue, pace=LookPace(delay=timedelta(0), every=timedelta(0))
    ).check()
    return opened


@pytest.fixture
def audit(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        yield log


@pytest.fixture
def settings(tmp_path: Path, database: str, s3_address: S3Address) -> Path:
    file = tmp_path / "settings.json"
    values = {
        "salesforce": {"org_id": ORG, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": s3_settings(s3_address),
        "warehouse": {"dsn": database},
        "operational": {"dsn": database},
    }
    file.write_text(json.dumps(values))
    return file


def tidegate(settings: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--settings", str(settings)])
    assert result.exit_code == code, result.output
    return result.stdout


def asked(settings: Path, *words: str) -> Any:
    return json.loads(tidegate(settings, *words, "--json"))


@pytest.mark.usefixtures("road", "audit")
def test_scorecards_and_open_findings_are_shown_of_one_object_or_of_all(settings: Path) -> None:
    found = asked(settings, "quality", "Case")
    assert [(each["field"], each["rule"], each["findings"]) for each in found["groups"]] == [
        ("AccountId", "parent", 1),
        ("Subject", "too_long", 1),
    ]
    counts = {(each["field"], each["rule"]): (each["checked"], each["failed"]) for each in found["scorecard"]}
    assert (counts["*", "fits"], counts["AccountId", "parent"]) == ((1, 1), (1, 1))
    assert asked(settings, "quality") == found
    assert asked(settings, "quality", "Account") == {"scorecard": [], "groups": [], "holds": []}
    page = tidegate(settings, "quality")
    assert "too_long" in page
    assert "waits" in page


@pytest.mark.usefixtures("road")
def test_findings_are_listed_acknowledged_and_listed_no_more(settings: Path, audit: AuditLog) -> None:
    chosen = ("quality", "acknowledge", "Case", "--rule", "too_long")
    assert [each["rule"] for each in asked(settings, "quality", "list", "Case", "--record", CASE)] == [
        "parent",
        "too_long",
    ]
    tidegate(settings, *chosen, code=2)  # without a reason
    assert asked(settings, *chosen, "--reason", "it is known", "--by", "anna") == {"rows": 1}
    tidegate(settings, *chosen, "--reason", "it is known", code=1)
    assert [each["rule"] for each in asked(settings, "quality", "list")] == ["parent"]
    every = asked(settings, "quality", "list", "--all")
    assert {each["rule"]: each["acknowledged_by"] for each in every} == {"parent": None, "too_long": "anna"}
    [(_, act)] = audit.rows()
    assert (act.act, act.by, act.target) == ("quality.acknowledge", "anna", "Case")


@pytest.mark.usefixtures("road")
def test_a_message_that_nothing_can_mend_is_acknowledged_and_waits_no_more(
    settings: Path, audit: AuditLog
) -> None:
    words = ("quarantine", "acknowledge", "--reason", "the proxy was fixed", "--by", "anna")
    runner = CliRunner().invoke(app, [*words, "--settings", str(settings)])
    assert isinstance(runner.exception, SettingsError)  # nothing was chosen
    assert asked(settings, *words, "--because", "broken_message") == {"acknowledged": 1}
    assert asked(settings, "quarantine", "list")["rows"] == []
    assert [each["reason"] for each in asked(settings, "quarantine", "list", "--all")["rows"]] == [
        "broken_message"
    ]
    [(_, act)] = audit.rows()
    assert (act.act, act.detail) == (
        "quarantine.acknowledge",
        "reason broken_message (1): the proxy was fixed",
    )


@pytest.mark.usefixtures("road")
def test_a_refused_change_that_is_discarded_is_answered_and_stays_on_record(
    settings: Path, audit: AuditLog
) -> None:
    [row] = asked(settings, "quarantine", "list")["rows"]
    chosen = ("quarantine", "discard", "--batch", row["batch"], "--reason", "test data", "--by", "anna")
    assert asked(settings, *chosen) == {"discarded": 1}
    assert asked(settings, *chosen) == {"discarded": 0}
    assert asked(settings, "quarantine", "list", "--all")["rows"] == []
    shown = asked(settings, "quarantine", "show", row["batch"], str(row["ordinal"]))
    assert shown["reason"] == "broken_message"
    [(_, act), (_, reading)] = audit.rows()
    assert (act.act, act.by) == ("quarantine.discard", "anna")
    assert act.detail == f"batch {row['batch']} (1): test data"
    assert (reading.act, reading.by) == ("quarantine.read", operating_user())
    assert reading.target.endswith(f"/{row['batch']}/{row['ordinal']}")


@pytest.mark.usefixtures("road", "audit")
def test_a_cause_that_is_given_as_the_reason_is_refused_with_what_to_do(settings: Path) -> None:
    words = ["quarantine", "discard", "--reason", "broken_message", "--settings", str(settings)]
    refused = CliRunner().invoke(app, words)
    assert "--because broken_message" in str(refused.exception)


@pytest.mark.usefixtures("road", "audit")
def test_a_trace_shows_the_record_s_findings_and_unknown_fields(settings: Path, database: str) -> None:
    engine = open_engine(database)
    ensure_schema(engine)
    engine.dispose()
    found = asked(settings, "trace", CASE)
    assert found["current"]["unknown_fields"] == "subject"
    assert {each["rule"] for each in found["quality"]} == {"parent", "too_long"}
    page = tidegate(settings, "trace", CASE)
    assert "unknown in it: subject" in page
    assert "Subject breaks too_long (isolate)" in page
