"""`tidegate api`: what it makes of its words, and the tokens that it prints."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import command_app
from schemas.errors import SettingsError
from schemas.settings.api import ApiSettings

app = command_app()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["api", *words])


def test_a_token_is_printed_once_with_the_setting_that_accepts_it() -> None:
    found = run("token", "billing", "--role", "guest")
    token, setting = (line.split(maxsplit=1)[1] for line in found.stdout.splitlines()[:2])
    entries = json.loads(setting.partition("=")[2].strip("'"))
    [known] = ApiSettings.model_validate({"tokens": entries}).tokens
    assert (known.name, known.role) == ("billing", "guest")
    assert known.sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert token not in setting


def test_a_program_gets_token_and_entry_as_one_object() -> None:
    found = json.loads(run("token", "viewer", "--json").stdout)
    assert (set(found), found["entry"]["role"]) == ({"token", "entry"}, "reader")


def test_a_name_that_could_not_be_on_record_is_refused() -> None:
    assert isinstance(run("token", "a name; with words").exception, SettingsError)


def test_serving_becomes_the_program_of_the_api_with_what_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *arguments: became.append(arguments))
    for name in ("TIDEGATE_SETTINGS", "TIDEGATE_API__PORT"):
        monkeypatch.setenv(name, "before")  # so that it is taken back afterwards
    (tmp_path / "settings.json").write_text("{}")
    assert run("--port", "9000", "--home", str(tmp_path)).exit_code == 0
    [(_, command)] = became
    assert command[1:] == ("-m", "api")
    assert os.environ["TIDEGATE_SETTINGS"] == str(tmp_path / "settings.json")
    assert os.environ["TIDEGATE_API__PORT"] == "9000"
