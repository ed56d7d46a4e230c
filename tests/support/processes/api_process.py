"""The HTTP API as a process of its own, for tests of what it takes and how long it takes it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from clients.storage.objects import S3Address
from sandbox.ports import free_port
from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.engines.served_api import settings_for, tokens_and_entries
from workers.settings import FILE_VARIABLE


@dataclass
class ApiProcess:
    """A running API."""

    port: int
    process: psutil.Process
    tokens: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, caller: str = "", **more: Any) -> httpx.Response:
        """A request with a caller's token; "" sends none."""
        headers = dict(more.pop("headers", {}))
        headers |= {"Authorization": f"Bearer {self.tokens[caller]}"} if caller else {}
        timeout = more.pop("timeout", 15 * SLOWNESS)
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=timeout, trust_env=False, **more
        )

    def memory(self) -> int:
        """Resident bytes of the process and of those that it has started."""
        total = 0
        for each in (self.process, *self.process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


@contextmanager
def api_process(
    folder: Path,
    *,
    dsn: str | None = None,
    s3: S3Address | None = None,
    temporal: str = "127.0.0.1:1",
    **api: Any,
) -> Iterator[ApiProcess]:
    """Start it with these settings of the API, until left. What is not given cannot be reached."""
    port, (tokens, entries) = free_port(), tokens_and_entries()
    given = {} if dsn is None else {"dsn": dsn}
    settings = settings_for(**given, s3=s3, temporal=temporal)
    values = settings.model_dump(mode="json", exclude={"catalogue", "api"}, exclude_defaults=True)
    for name in ("warehouse", "operational"):
        kept = settings.operational.dsn
        values[name] = {"dsn": kept.get_secret_value() if kept else None}
    values["s3"] |= {
        "secret_key": (s3.secret_key if s3 else "b"),
        "access_key": (s3.access_key if s3 else "a"),
    }
    values["api"] = {"port": port, "tokens": entries, **api}
    file, log = folder / "api.json", folder / "api.log"
    file.write_text(json.dumps(values))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api"],
            env={**os.environ, FILE_VARIABLE: str(file)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = ApiProcess(port, psutil.Process(process.pid), tokens, log)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return running.ask("GET", "/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        wait_for(is_ready)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
