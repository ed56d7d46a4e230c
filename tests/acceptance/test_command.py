"""The command as a person uses it: what it prints, where, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.local.engine_processes import EngineProcesses, settings_of, write_settings
from cli.state import settings_file
from sandbox.stack import RunningSandbox
from tests.support.builders.waiting import SLOWNESS, limit_in

pytestmark = [pytest.mark.service, pytest.mark.slow]

ENDPOINTS = {
    "salesforce": {
        "login_url",
        "instance_url",
        "tls_login_url",
        "tls_instance_url",
        "ca_file",
        "pubsub_endpoint",
        "control_url",
        "org_id",
        "username",
        "password",
        "client_id",
        "client_secret",
        "refresh_token",
        "private_key_file",
        "api_version",
    },
    "s3": {"endpoint_url", "region", "access_key", "secret_key", "bucket", "kms_key_id"},
    "warehouse": {"dsn", "redshift"},
    "operational": {"dsn", "owner_dsn"},
    "audit": {"bucket", "signing_key_id"},
    "temporal": {"address", "namespace", "ui_url"},
}


def tidegate(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds * SLOWNESS, check=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tidegate-command-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_sandbox_up_prints_one_object_and_leaves_nothing_running(folder: Path):
    command = [sys.executable, "-m", "cli.main", "sandbox", "up", "--json", "--home", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            printed = read_object(process.stdout.fileno())
        finally:
            # whatever it printed, or the test would wait for it forever
            process.send_signal(signal.SIGTERM)
        assert process.wait(30 * SLOWNESS) == 0
        assert {part: set(values) for part, values in printed.items()} == ENDPOINTS
        port = int(printed["s3"]["endpoint_url"].rsplit(":", 1)[1])
    assert not listening(port)


def test_a_killed_sandbox_takes_its_processes_with_it(folder: Path):
    command = [sys.executable, "-m", "cli.main", "sandbox", "up", "--json", "--home", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        printed = read_object(process.stdout.fileno())
        process.kill()
        process.wait(10 * SLOWNESS)
    ports = [
        int(printed["s3"]["endpoint_url"].rsplit(":", 1)[1]),
        int(printed["temporal"]["address"].rsplit(":", 1)[1]),
    ]
    deadline = limit_in(15)
    while any(map(listening, ports)):
        assert time.monotonic() < deadline, "a process outlived its sandbox"
        time.sleep(0.2)


def test_a_taken_port_is_named_with_what_to_do(folder: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = tidegate("sandbox", "up", "--home", str(folder), "--temporal-port", str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert f"Port {port}" in ended.stderr
    assert "Give another one" in " ".join(ended.stderr.split())


def test_status_without_a_sandbox_says_what_is_missing(folder: Path):
    ended = tidegate("status", "--home", str(folder), "--settings", str(folder / "none.json"))
    assert ended.returncode == 2
    assert "tidegate up" in ended.stderr


def test_a_wrong_credential_pauses_the_lane_with_the_reason(sandbox: RunningSandbox, folder: Path):
    values = settings_of(sandbox.endpoints)
    values["salesforce"]["client_secret"] = "wrong"
    write_settings(settings_file(folder), sandbox.endpoints)
    settings_file(folder).write_text(json.dumps(values))
    engine = EngineProcesses(folder / "logs", settings_file(folder))
    engine.start()
    try:
        lane = wait_for_pause(folder)
    finally:
        engine.stop()
    assert "rejects the credentials" in lane["because"]
    assert "TIDEGATE_SALESFORCE" in lane["because"]
    assert "wrong" not in lane["because"].replace("wrong_", "")


def wait_for_pause(folder: Path) -> dict[str, str]:
    deadline = limit_in(60)
    ended = None
    while time.monotonic() < deadline:
        ended = tidegate("status", "--json", "--home", str(folder))
        if ended.returncode == 0:
            (lane,) = json.loads(ended.stdout)["lanes"]
            if lane["state"] == "paused":
                return dict(lane)
        time.sleep(1)
    pytest.fail(f"the lane was not paused: {ended}")


def read_object(descriptor: int) -> dict[str, dict[str, str]]:
    """Read stdout until it is one whole JSON object."""
    text = ""
    while chunk := os.read(descriptor, 65_536).decode():
        text += chunk
        try:
            return dict(json.loads(text))
        except ValueError:
            continue
    pytest.fail(f"no object on stdout: {text}")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
