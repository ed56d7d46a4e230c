"""The stack, built and started once for all tests, and taken down also when one fails."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.compose.daemon import CA_BUNDLE, ROOT, Docker, base_image, docker_daemon

_ENVIRONMENT = {"COMPOSE_PROJECT_NAME": "tidegate-test"}


@dataclass
class Stack:
    """The running stack."""

    docker: Docker
    seconds: dict[str, float] = field(default_factory=dict)
    """Step -> how long it took, for the report at the end."""

    def compose(self, *words: str, check: bool = True, seconds: float = 600) -> str:
        """Output of `docker compose WORDS`."""
        return self.docker.run("compose", *words, check=check, seconds=seconds, **_ENVIRONMENT).stdout

    def tools(self, *words: str, check: bool = True, seconds: float = 600) -> str:
        """Output of a command of `tidegate`, in a container of its own beside the engine."""
        return self.compose("run", "--rm", "--no-TTY", "tools", *words, check=check, seconds=seconds)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, stopped ones, too."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, container: str, form: str) -> str:
        return self.docker.run("inspect", "--format", form, container).stdout.strip()


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    with docker_daemon() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def images(docker: Docker) -> dict[str, str]:
    """Target -> image; both are built of this checkout."""
    base, made = base_image(docker), {"runtime": "tidegate:dev", "sandbox": "tidegate-sandbox:dev"}
    secret = ["--secret", f"id=ca_bundle,src={CA_BUNDLE}"] if CA_BUNDLE else []
    for target, name in made.items():
        arguments = ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"COMMIT={commit()}"]
        docker.run(
            "build",
            "--network=host",
            *secret,
            *arguments,
            "--target",
            target,
            "--tag",
            name,
            ".",
            seconds=1_800,
        )
    return made


def commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def stack(docker: Docker, images: dict[str, str]) -> Iterator[Stack]:
    """Every service is up and healthy."""
    made = Stack(docker)
    made.compose("--profile", "tools", "down", "--volumes", "--remove-orphans")
    try:
        began = time.monotonic()
        try:
            made.compose("up", "--detach", "--wait", "--no-build")
        except AssertionError as error:
            told = f"{error}\n{made.compose('ps', '--all')}\n{made.compose('logs', '--tail', '40')}"
            raise AssertionError(told) from error
        made.seconds["up until healthy"] = time.monotonic() - began
        yield made
    finally:
        made.compose("--profile", "tools", "down", "--volumes", "--remove-orphans", "--timeout", "20")
