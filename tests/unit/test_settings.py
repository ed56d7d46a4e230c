"""Settings are read once at the edge: the environment wins over the file, what is wrong is named,
secrets stay unseen.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SettingsError
from workers.addresses import s3_address, salesforce_address
from workers.settings import FILE_VARIABLE, Settings, load_settings

SECRETS = ["hush-client", "hush-password", "hush-s3", "hush-warehouse", "hush-operational"]


def whole() -> dict[str, Any]:
    return {
        "salesforce": {
            "org_id": "00D000000000001AAA",
            "login_url": "https://login.example/",
            "client_id": "tidegate",
            "client_secret": "hush-client",
            "password": "hush-password",
        },
        "s3": {
            "region": "eu-central-1",
            "bucket": "b",
            "kms_key_id": "alias/k",
            "access_key": "a",
            "secret_key": "hush-s3",
        },
        "warehouse": {"dsn": "postgresql://u:hush-warehouse@localhost/w"},
        "operational": {"dsn": "postgresql://u:hush-operational@localhost/o"},
    }


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a `var/settings.json` of this checkout must not be seen
    monkeypatch.delenv(FILE_VARIABLE, raising=False)


def written(tmp_path: Path, values: object) -> Path:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(values))
    return file


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_S3__BUCKET", "from-the-environment")
    settings = load_settings(written(tmp_path, whole()))
    assert settings.s3.bucket == "from-the-environment"


def test_a_variable_replaces_its_own_setting_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_S3__BUCKET", "other")
    settings = load_settings(written(tmp_path, whole()))
    assert settings.s3.kms_key_id == "alias/k"


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for part, values in whole().items():
        for name, value in values.items():
            monkeypatch.setenv(f"TIDEGATE_{part}__{name}".upper(), value)
    assert load_settings().salesforce.client_id == "tidegate"


def test_the_file_is_the_one_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(written(tmp_path, whole())))
    assert load_settings().s3.bucket == "b"


def test_every_missing_setting_is_named_as_the_environment_calls_it() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for name in ("TIDEGATE_SALESFORCE", "TIDEGATE_S3", "TIDEGATE_WAREHOUSE", "TIDEGATE_OPERATIONAL"):
        assert f"{name}: Field required" in str(caught.value)


def test_a_missing_part_is_named_with_its_place(tmp_path: Path) -> None:
    values = whole()
    del values["warehouse"]["dsn"]
    with pytest.raises(SettingsError, match=r"TIDEGATE_WAREHOUSE: .*host, database, user missing"):
        load_settings(written(tmp_path, values))


def test_a_misspelt_setting_is_refused(tmp_path: Path) -> None:
    values = whole() | {"cut": {"most_chnages": 5}}
    with pytest.raises(SettingsError, match="TIDEGATE_CUT__MOST_CHNAGES"):
        load_settings(written(tmp_path, values))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("{", "cannot be read", id="no JSON"),
        pytest.param("[1, 2]", "one JSON object", id="a list"),
        pytest.param("\udcff", "cannot be read", id="no UTF-8"),
    ],
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError, match=says):
        load_settings(file)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(tmp_path / "absent.json")


def test_a_variable_that_is_no_json_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_LANES", "changes")
    with pytest.raises(SettingsError, match="lanes"):
        load_settings(written(tmp_path, whole()))


def test_no_secret_is_in_the_representation() -> None:
    settings = Settings(**whole())
    seen = f"{settings!r} {settings} {s3_address(settings.s3)!r} {salesforce_address(settings.salesforce)!r}"
    assert [secret for secret in SECRETS if secret in seen] == []


def test_no_secret_is_in_an_error(tmp_path: Path) -> None:
    values = whole()
    values["warehouse"]["dsn"] = ["hush-warehouse"]
    values["salesforce"]["password"] = {"is": "hush-password"}
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, values))
    assert "hush" not in f"{caught.value} {caught.value.__cause__}"


def test_an_address_has_the_secrets_in_clear() -> None:
    settings = Settings(**whole())
    assert s3_address(settings.s3).secret_key == "hush-s3"
    assert salesforce_address(settings.salesforce).client_secret == "hush-client"


def test_the_login_url_has_no_slash_at_its_end() -> None:
    assert salesforce_address(Settings(**whole()).salesforce).login_url == "https://login.example"


def test_settings_cannot_be_changed() -> None:
    settings = Settings(**whole())
    with pytest.raises(ValueError, match="frozen"):
        settings.catalogue = Path("other")  # type: ignore[misc]


@pytest.mark.parametrize(
    "lane",
    [
        {"name": "poll-case", "way": "poll"},
        {"name": "poll-case", "way": "poll", "object": "Case", "channel": "/data/CaseChangeEvent"},
        {"name": "changes"},
        {"name": "changes", "channel": "/data/ChangeEvents", "object": "Case"},
        {"name": "poll-case", "way": "poll", "object": "Case", "interval": "PT0.1S"},
    ],
)
def test_a_lane_follows_a_channel_or_polls_an_object(tmp_path: Path, lane: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="LANES"):
        load_settings(written(tmp_path, {**whole(), "lanes": [lane]}))


def test_a_polled_lane_is_configured_by_its_object(tmp_path: Path) -> None:
    lane = {"name": "poll-case", "way": "poll", "object": "Case", "interval": "PT30S"}
    [found] = load_settings(written(tmp_path, {**whole(), "lanes": [lane]})).lanes
    assert (found.object, found.interval.total_seconds()) == ("Case", 30)


def test_a_lane_accepts_the_old_name_of_its_interval(tmp_path: Path) -> None:
    lane = {"name": "poll-case", "way": "poll", "object": "Case", "every": "PT30S"}
    [found] = load_settings(written(tmp_path, {**whole(), "lanes": [lane]})).lanes
    assert found.interval.total_seconds() == 30


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIDEGATE_WRITEBACK__NEWER", '{"Case": "wins"}'),
        ("TIDEGATE_WRITEBACK__CONFLICT_POLICY", '{"Case": "wins"}'),
    ],
)
def test_a_renamed_variable_works_under_both_names(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert Settings(**whole()).writeback.conflict_policy == {"Case": "wins"}


def test_the_new_name_wins_over_the_old_one_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_CUT__MAX_CHANGES", "7")
    values = whole() | {"cut": {"most_changes": 5}}
    assert load_settings(written(tmp_path, values)).cut.max_changes == 7


def test_a_lane_is_followed_over_the_pubsub_api_unless_it_says_otherwise() -> None:
    lanes = [
        {"name": "a", "channel": "/data/A__chn"},
        {"name": "b", "channel": "/data/B__chn", "transport": "cometd"},
    ]
    assert [lane.transport for lane in Settings(**whole(), lanes=lanes).lanes] == ["pubsub", "cometd"]


@pytest.mark.parametrize(
    ("part", "name", "value", "says"),
    [
        ("lanes", "transport", "carrier-pigeon", "TIDEGATE_LANES__0__TRANSPORT"),
        ("salesforce", "pubsub_endpoint", "https://api.pubsub.salesforce.com", "TIDEGATE_SALESFORCE__PUBSUB_ENDPOINT"),
    ],
)  # fmt: skip
def test_a_transport_or_an_endpoint_that_cannot_be_is_refused_by_name(
    tmp_path: Path, part: str, name: str, value: str, says: str
) -> None:
    values = whole()
    if part == "lanes":
        values["lanes"] = [{"name": "a", "channel": "/data/ChangeEvents", name: value}]
    else:
        values[part][name] = value
    with pytest.raises(SettingsError, match=says):
        load_settings(written(tmp_path, values))


def test_scheduled_exports_need_a_place(tmp_path: Path) -> None:
    for given in ({"on": True}, {"on": True, "where": "gs://bucket/prefix"}):
        with pytest.raises(SettingsError, match=r"TIDEGATE_EXPORT: .*where .*s3://BUCKET/PREFIX"):
            load_settings(written(tmp_path, {**whole(), "export": given}))
    for where in ("/srv/export", "s3://bucket/prefix"):
        settings = load_settings(written(tmp_path, {**whole(), "export": {"on": True, "where": where}}))
        assert (settings.export.where, settings.export.objects) == (where, ())
