"""The members of a fleet: where tokens may go, and that no error repeats one."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.errors import SettingsError
from schemas.settings.fleet import FleetMember, FleetSettings
from workers.fleet.members import fleet_members, token_of
from workers.settings import load_fleet_settings

SECRET = "tg_secret-of-north"
NORTH = {"name": "north", "url": "https://north.example.org/", "token": SECRET}


def member(**changed: Any) -> FleetMember:
    return FleetMember.model_validate(NORTH | changed)


def of_file(file: Path, text: str) -> tuple[FleetMember, ...]:
    file.write_text(text)
    return fleet_members(FleetSettings(file=file))


@pytest.mark.parametrize(
    "url", ["https://north.example.org", "http://127.0.0.1:8400", "http://[::1]:8400", "http://localhost"]
)
def test_a_token_travels_by_https_or_on_this_machine(url: str) -> None:
    assert member(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://north.example.org",
        "http://10.0.0.7:8400",
        "http://localhost.example.org",
        "https://user:password@north.example.org",
        "https://north.example.org?x=1",
        "ftp://127.0.0.1",
        "javascript:alert(1)",
        "north.example.org",
    ],
)
@pytest.mark.parametrize("name", ["url", "console_url"])
def test_every_other_address_is_refused(url: str, name: str) -> None:
    with pytest.raises(ValidationError):
        member(**{name: url})


def test_a_member_has_one_token_from_one_place() -> None:
    with pytest.raises(ValidationError, match="token or token_file"):
        member(token=None)
    with pytest.raises(ValidationError, match="token or token_file"):
        member(token_file="/run/token")


@pytest.mark.parametrize("word", ["name", "url"])
def test_two_members_of_one_name_or_url_are_refused(word: str) -> None:
    other = {"name": "south", "url": "https://south.example.org", "token": "t", word: NORTH[word]}
    with pytest.raises(ValidationError, match=f"same {word}"):
        FleetSettings.model_validate({"members": [NORTH, other]})


def test_the_console_is_beside_the_api_unless_it_is_named() -> None:
    assert member().console == "https://north.example.org/console"
    assert member(console_url="https://c.test/console").console == "https://c.test/console"


def test_a_token_may_be_a_reference_or_a_file_and_is_read_at_each_look(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    by_file = member(token=None, token_file=file)
    assert token_of(by_file) == token_of(member(token=f"file:{file}")) == "first"
    file.write_text("second\n")
    assert token_of(by_file) == "second"
    file.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        token_of(by_file)


def test_members_of_the_file_and_of_the_settings_are_one_fleet(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("members:\n- {name: south, url: 'https://south.example.org', token: t}\n")
    settings = FleetSettings.model_validate({"members": [NORTH], "file": file})
    assert [each.name for each in fleet_members(settings)] == ["north", "south"]
    assert [each.name for each in of_file(file, json.dumps([NORTH]))] == ["north"]
    file.write_text(json.dumps({"members": [NORTH]}))
    with pytest.raises(SettingsError, match="same name"):
        fleet_members(settings)


@pytest.mark.parametrize(
    "text",
    [
        f"members: [{{name: north, token: '{SECRET}",
        f"- {{name: north, url: 'http://north.example.org', token: {SECRET}}}",
        f"- {{name: north, tokens: {SECRET}}}",
        f"- {SECRET}",
        f"{{north: {SECRET}}}",
        "",
    ],
)
def test_a_wrong_file_is_an_error_that_repeats_no_token(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        of_file(tmp_path / "fleet.yaml", text)
    assert SECRET not in str(caught.value)
    assert "fleet.yaml" in str(caught.value)


def test_a_fleet_needs_no_org_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_FLEET__MEMBERS", json.dumps([NORTH]))
    monkeypatch.setenv("TIDEGATE_FLEET__AT_ONCE", "3")
    found = load_fleet_settings()
    assert ([each.name for each in found.members], found.at_once) == (["north"], 3)
    monkeypatch.setenv("TIDEGATE_FLEET__MEMBERS", json.dumps([NORTH | {"url": "http://north.example.org"}]))
    with pytest.raises(SettingsError) as caught:
        load_fleet_settings()
    assert SECRET not in str(caught.value)
