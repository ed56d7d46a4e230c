"""A real Prometheus over a running engine."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox.ports import free_port
from tests.support.builders.waiting import wait_for

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "observability"
_FETCHED = ROOT / ".venv-clients" / "prometheus" / "usr" / "bin"
SCRAPE_SECONDS = 5


def program(name: str) -> str:
    """Where a program of Prometheus is: what `make test-observability` fetched, or on PATH."""
    fetched = _FETCHED / name
    found = str(fetched) if fetched.exists() else shutil.which(name)
    assert found is not None, f"{name} is not here: run `make test-observability`, which fetches it"
    return found


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str
    began: float

    def is_ready(self) -> bool:
        """True once it answers."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/-/ready", timeout=10).is_success
        return False

    def series(self, query: str) -> list[dict[str, Any]]:
        """The series that a query has had at any time since the start."""
        shown = query.replace("$__rate_interval", "1m")
        times: dict[str, str | float] = {
            "query": shown,
            "start": self.began,
            "end": time.time(),
            "step": SCRAPE_SECONDS,
        }
        answer = httpx.get(f"{self.url}/api/v1/query_range", params=times, timeout=30)
        body = answer.json()
        assert body["status"] == "success", f"{shown}: {body.get('error')}"
        return [each for each in body["data"]["result"] if any(at[1] != "NaN" for at in each["values"])]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        body = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).json()
        return {each["labels"]["alertname"] for each in body["data"]["alerts"] if each["state"] == "firing"}

    def down(self) -> list[str]:
        """Targets that were not scraped, with the reason."""
        body = httpx.get(f"{self.url}/api/v1/targets", timeout=30).json()
        targets = body["data"]["activeTargets"]
        if not targets:
            return ["no target is known yet"]
        return [f"{each['labels']}: {each['lastError']}" for each in targets if each["health"] != "up"]

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """The exemplars of a metric."""
        params: dict[str, str | float] = {"query": query, "start": self.began, "end": time.time()}
        found: list[dict[str, Any]] = httpx.get(
            f"{self.url}/api/v1/query_exemplars", params=params, timeout=30
        ).json()["data"]
        return found


@contextmanager
def watching(targets: Path, folder: Path) -> Iterator[Prometheus]:
    """Prometheus over the targets that `tidegate up` has written, with the committed rules."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SCRAPE_SECONDS}s")
    config["rule_files"] = [str(DEPLOY / "rules.yml")]
    del config["alerting"]
    config["scrape_configs"][0]["file_sd_configs"][0]["files"] = [str(targets)]
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(yaml.safe_dump(config))
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            made = Prometheus(f"http://127.0.0.1:{port}", time.time())
            wait_for(made.is_ready, seconds=30, why=(folder / "prometheus.log").read_text)
            yield made
        finally:
            process.terminate()
            process.wait(30)
