"""`tidegate config`: what is in force and where it comes from, never a secret; and what does not
fit.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.config import MASK, problems_of
from cli.main import command_app
from cli.output import EXIT_REFUSED
from workers.settings import load_settings

app = command_app()

SECRETS = ("hunter2", "s3cr3t", "AKIAEXAMPLE", "f" * 64)
VALUES: dict[str, Any] = {
    "salesforce": {
        "org_id": "00D000000000CFGAAA",
        "login_url": "https://org.test",
        "client_id": "tests",
        "client_secret": "s3cr3t",
    },
    "s3": {"bucket": "b", "kms_key_id": "k", "access_key": "AKIAEXAMPLE", "secret_key": "s3cr3t"},
    "warehouse": {"dsn": "postgresql://u:hunter2@h/d"},
    "operational": {"dsn": "postgresql://u:hunter2@h/d"},
    "api": {"tokens": [{"name": "ada", "role": "reader", "sha256": "f" * 64}]},
}


def settings(folder: Path, **more: Any) -> Path:
    file = folder / "settings.json"
    file.write_text(json.dumps({**VALUES, **more}))
    return file


def run(*words: str, code: int = 0) -> str:
    ended = CliRunner().invoke(app, ["config", *words])
    assert ended.exit_code == code, ended.output
    return ended.stdout


def test_no_secret_is_shown_and_the_rest_is(tmp_path: Path) -> None:
    file = str(settings(tmp_path))
    shown = json.loads(run("show", "--settings", file, "--json"))
    page = run("show", "--settings", file)
    for text in (json.dumps(shown), page):
        assert not [secret for secret in SECRETS if secret in text]
        assert "https://org.test" in text
    assert shown["salesforce"]["client_secret"] == shown["api"]["tokens"][0]["sha256"] == MASK


def test_each_setting_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_CUT__MOST_CHANGES", "77")
    rows = {
        line.split()[0]: line.split()
        for line in run("show", "--settings", str(settings(tmp_path))).splitlines()
    }
    assert rows["cut.max_changes"] == ["cut.max_changes", "77", "environment"]
    assert rows["salesforce.login_url"][-1] == "file"
    assert rows["cut.max_bytes"][-1] == "default"


def test_settings_that_fit_are_said_to(tmp_path: Path) -> None:
    assert json.loads(run("check", "--settings", str(settings(tmp_path)), "--json")) == {"problems": []}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"planner": {"pins": {"Nope": "poll"}}}, "TIDEGATE_PLANNER__PINS, Nope"),
        ({"writeback": {"newer": {"Nope.Field": "wins"}}}, "TIDEGATE_WRITEBACK__CONFLICT_POLICY, Nope.Field"),
        ({"lanes": [{"name": "poll-x", "way": "poll", "object": "Nope"}]}, "TIDEGATE_LANES, lane poll-x"),
        (
            {"warehouse": {"kind": "redshift", "dsn": "postgresql://localhost/r"}},
            "TIDEGATE_WAREHOUSE__COPY_ROLE is missing",
        ),
        ({"catalogue": "/nowhere/catalogue.yaml"}, "TIDEGATE_CATALOGUE"),
        (
            {"salesforce": {**VALUES["salesforce"], "private_key_file": "/nowhere/key.pem"}},
            "TIDEGATE_SALESFORCE__PRIVATE_KEY_FILE: there is no file /nowhere/key.pem",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_ends_with_two(
    tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    file = settings(tmp_path, **more)
    [problem] = problems_of(load_settings(file))
    assert says in problem
    assert problem.split()[0] in run("check", "--settings", str(file), code=EXIT_REFUSED)
