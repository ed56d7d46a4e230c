"""A Docker daemon for the tests: the one that answers, else Debian's, started and ended here.

Where no registry of images can be reached, the base image is made of Debian's packages.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.builders.waiting import limit_in

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".venv-clients" / "compose"
"""Kept from run to run: the daemon's images, the base image, the compose plugin."""
BASE = "tidegate-base:bookworm"
PUBLIC_BASE = "python:3.12-slim-bookworm"
CA_BUNDLE = os.environ.get("SSL_CERT_FILE", "")
"""A network that signs TLS itself names its authorities here."""
_CONTAINERS = 12
_PACKAGES = ("docker.io", "mmdebstrap")
_WITHOUT_NETWORK = (
    # Containers of one compose network reach each other; nothing of this machine's network is
    # changed.
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--bridge=none",
    "--storage-driver=overlay2",
)


@dataclass(frozen=True)
class Docker:
    """A daemon that answers, and the command that speaks with it."""

    program: str
    environment: dict[str, str]

    def run(
        self, *words: str, check: bool = True, seconds: float = 600, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """`docker WORDS`. On a failure its output is the assertion's text."""
        ended = subprocess.run(
            [self.program, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, **self.environment, **more},
            timeout=seconds,
        )
        assert not check or ended.returncode == 0, (
            f"docker {' '.join(words)}:\n{ended.stdout[-4_000:]}\n{ended.stderr[-4_000:]}"
        )
        return ended

    def compose(self, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
        """`docker compose WORDS`, for the stack of this checkout."""
        return self.run("compose", *words, **more)  # type: ignore[arg-type]


@contextmanager
def docker_daemon() -> Iterator[Docker]:
    """A daemon with the compose plugin; ended when left, if it was started here."""
    environment = {"DOCKER_BUILDKIT": "1", "DOCKER_CONFIG": str(_config_with_compose())}
    present = shutil.which("docker")
    if present is not None and _answers(Docker(present, environment)):
        yield Docker(present, environment)
        return
    _install()
    folder = Path(tempfile.mkdtemp(prefix="tidegate-docker-"))
    docker = Docker("/usr/bin/docker", {**environment, "DOCKER_HOST": f"unix://{folder}/docker.sock"})
    process = _start(folder)
    try:
        limit = limit_in(30)
        while not _answers(docker):
            told = (folder / "dockerd.log").read_text()[-3_000:]
            assert process.poll() is None, f"dockerd ended:\n{told}"
            assert time.monotonic() < limit, f"dockerd does not answer:\n{told}"
            time.sleep(0.5)
        _weigh()
        yield docker
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def base_image(docker: Docker) -> str:
    """An image with Python: the public one where it can be had, else one of Debian's packages."""
    for name in (PUBLIC_BASE, BASE):
        if docker.run("image", "inspect", name, check=False).returncode == 0:
            return name
    if docker.run("pull", PUBLIC_BASE, check=False, seconds=300).returncode == 0:
        return PUBLIC_BASE
    archive = CACHE / "base.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        draft = archive.with_name("draft.tar")
        command = ["mmdebstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates"]
        subprocess.run([*command, "bookworm", str(draft)], check=True, timeout=1_200)
        draft.rename(archive)
    docker.run("import", str(archive), BASE)
    return BASE


def _start(folder: Path) -> subprocess.Popen[bytes]:
    data = CACHE / "data"
    data.mkdir(parents=True, exist_ok=True)
    command = ["/usr/sbin/dockerd", "--data-root", str(data), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "pid"), "--host", f"unix://{folder}/docker.sock"]
    with (folder / "dockerd.log").open("wb") as log:
        return subprocess.Popen([*command, *_WITHOUT_NETWORK], stdout=log, stderr=log)


def _weigh() -> None:
    """On cgroup v1 all containers together weigh as much as one process of the machine's. Let them
    weigh as much as their number.
    """
    shares = Path("/sys/fs/cgroup/cpu/docker/cpu.shares")
    if shares.exists():
        shares.write_text(str(1_024 * _CONTAINERS))


def _install() -> None:
    if Path("/usr/sbin/dockerd").exists() and shutil.which("mmdebstrap"):
        return
    assert shutil.which("apt-get"), (
        "No Docker daemon answers, and there is no apt-get to install one. Start Docker, then run it again."
    )
    assert os.geteuid() == 0, (
        "No Docker daemon answers, and only root can install and start one. Start Docker, then run it again."
    )
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *_PACKAGES]):
        subprocess.run(
            ["apt-get", "--quiet=2", *words],
            check=True,
            timeout=900,
            stdout=sys.stderr,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )


def _config_with_compose() -> Path:
    """A folder for DOCKER_CONFIG in which the plugin is, the one that `make test-compose` installed
    if the machine has none.
    """
    config = CACHE / "config"
    plugin = config / "cli-plugins" / "docker-compose"
    packaged = next(CACHE.glob("venv/lib/**/docker-compose"), None)
    if packaged is not None and not plugin.exists():
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.symlink_to(packaged)
    return config


def _answers(docker: Docker) -> bool:
    return docker.run("version", check=False, seconds=30).returncode == 0
