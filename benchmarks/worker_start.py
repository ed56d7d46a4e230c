"""How long a worker of each role takes from its start until it is ready (`/readyz`), beside an
engine that runs.

    python -m benchmarks.worker_start [--times 2]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.backfills import engine_over
from cli.local.engine_processes import HEALTH_PORT, ROLES
from cli.state import settings_file
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from workers.settings import FILE_VARIABLE

_LONGEST = 60.0
"""Seconds after which it gives up."""


def main() -> None:
    """Start, wait, end; prints seconds by role as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-start-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the PostgreSQL server runs as another user
        with running_sandbox(folder, fresh=True) as sandbox, engine_over(sandbox, folder):
            settings = settings_file(folder)
            found = {role: [_seconds(settings, role) for _ in range(arguments.times)] for role in ROLES}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _seconds(settings: Path, role: str) -> float:
    port = free_port()
    command = [sys.executable, "-m", "cli.main", "worker", "--role", role]
    environment = os.environ | {FILE_VARIABLE: str(settings), HEALTH_PORT: str(port)}
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:  # noqa: S603 -- ours
        try:
            while not _is_ready(port):
                if time.monotonic() > began + _LONGEST:
                    raise SystemExit(f"{role} is not ready after {_LONGEST:.0f} s")
                time.sleep(0.02)
            return round(time.monotonic() - began, 2)
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
