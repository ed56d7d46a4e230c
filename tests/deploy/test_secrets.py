"""Secrets behind references: read where they are kept, and read again when they were rotated."""

import json
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest

from clients.secrets import SecretReader
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError
from schemas.security.secret_reference import SecretReference, SecretStore, secret_reference

pytestmark = pytest.mark.service


def name() -> str:
    return f"tidegate/{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("secretsmanager:a/b", SecretReference(SecretStore.SECRETS_MANAGER, "a/b")),
        ("secretsmanager:a/b#password", SecretReference(SecretStore.SECRETS_MANAGER, "a/b", "password")),
        ("ssm:/tidegate/key", SecretReference(SecretStore.PARAMETER_STORE, "/tidegate/key")),
        ("file:/run/secrets/key", SecretReference(SecretStore.FILE, "/run/secrets/key")),
        ("hunter2", None),
        ("pass:word#1", None),
        ("https://user:ssm@host", None),
    ],
)
def test_a_reference_names_store_secret_and_field(text: str, expected: SecretReference | None) -> None:
    assert secret_reference(text) == expected


def test_an_arn_names_its_region() -> None:
    arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:tidegate/db-AbCdEf"
    found = secret_reference(f"secretsmanager:{arn}#password")
    assert found is not None
    assert (found.name, found.region, found.field) == (arn, "us-gov-west-1", "password")


@pytest.mark.parametrize("text", ["secretsmanager:", "ssm:#x", "file:a#"])
def test_half_a_reference_is_refused_and_not_taken_for_the_secret(text: str) -> None:
    with pytest.raises(SettingsError, match="Write secretsmanager:NAME#FIELD"):
        secret_reference(text)


def test_a_field_of_a_secret_and_a_parameter_are_read(aws: Any) -> None:
    secret, parameter = name(), f"/{name()}"
    aws("secretsmanager").create_secret(Name=secret, SecretString=json.dumps({"username": "u", "port": 5432}))
    aws("ssm").put_parameter(Name=parameter, Value="p", Type="SecureString")
    reader = SecretReader()
    assert reader.read(f"secretsmanager:{secret}#username") == "u"
    assert reader.read(f"secretsmanager:{secret}#port") == "5432"
    assert reader.read(f"ssm:{parameter}") == "p"
    assert reader.read("plain") == "plain"


def test_a_rotated_secret_is_read_again_once_it_was_refused(aws: Any) -> None:
    secret = name()
    aws("secretsmanager").create_secret(Name=secret, SecretString="old")
    reader = SecretReader()
    assert reader.read(f"secretsmanager:{secret}") == "old"
    aws("secretsmanager").put_secret_value(SecretId=secret, SecretString="new")
    assert reader.read(f"secretsmanager:{secret}") == "old"
    reader.forget()
    assert reader.read(f"secretsmanager:{secret}") == "new"


def test_a_kept_value_is_used_while_aws_does_not_answer(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = name()
    aws("secretsmanager").create_secret(Name=secret, SecretString="kept")
    reader = SecretReader()
    assert reader.read(f"secretsmanager:{secret}") == "kept"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    reader._clients.clear()
    reader.forget()
    assert reader.read(f"secretsmanager:{secret}") == "kept"
    with pytest.raises(UnavailableError):
        reader.read(f"secretsmanager:{name()}")


def test_a_missing_secret_or_field_says_which(aws: Any, tmp_path: Path) -> None:
    reader, secret = SecretReader(), name()
    with pytest.raises(SettingsError, match=rf"There is no secret secretsmanager:{secret}"):
        reader.read(f"secretsmanager:{secret}")
    aws("secretsmanager").create_secret(Name=secret, SecretString='{"username": "hush"}')
    with pytest.raises(SettingsError, match="no JSON object with a field password") as caught:
        reader.read(f"secretsmanager:{secret}#password")
    assert "hush" not in str(caught.value)
    with pytest.raises(SettingsError, match="mount the file"):
        reader.read(f"file:{tmp_path / 'none'}")


def test_a_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a\nb\n")
    assert SecretReader().read(f"file:{tmp_path / 'key'}") == "a\nb"


def test_without_a_region_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingsError, match="Set AWS_REGION, or give the ARN"):
        SecretReader().read("ssm:/x")


def test_without_credentials_the_role_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with pytest.raises(CredentialsRejectedError, match="the role may read this secret"):
        SecretReader().read("ssm:/x")
