"""Builds of the reporting model, one after the other, while something else is measured."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def building(settings_file: Path, folder: Path) -> Iterator[list[float]]:
    """Build until left; yields the seconds of each build that has ended. `make model` installs dbt.

    Raises `CalledProcessError` when leaving, for a build that failed.

    Args:
        settings_file: Of the engine.
        folder: For dbt's project and state, so that a build begins where the one before ended.
    """
    seconds: list[float] = []
    failed: list[subprocess.CalledProcessError] = []
    over = threading.Event()
    command = [sys.executable, "-m", "cli.main", "model", "build", "--settings", str(settings_file)]

    def build() -> None:
        while not over.is_set() and not failed:
            began = time.monotonic()
            try:
                subprocess.run([*command, "--folder", str(folder)], check=True, capture_output=True)  # noqa: S603
            except subprocess.CalledProcessError as error:
                error.add_note((error.stdout + error.stderr).decode(errors="replace")[-4_000:])
                failed.append(error)
            seconds.append(round(time.monotonic() - began, 1))

    thread = threading.Thread(target=build, daemon=True)
    thread.start()
    try:
        yield seconds
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
