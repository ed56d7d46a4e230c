"""Running dbt: where it is, what it is given, and what it did.

It runs in a process and an environment of its own: its packages pin versions that are not ours.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from clients.model.profile import PASSWORD_VARIABLE
from schemas.errors import ModelBuildError, SettingsError
from schemas.model import ModelCommand, ModelProblem, ModelRun

BESIDE = Path(".venv-clients/model/bin/dbt")
"""Where `make model` installs it, in a checkout."""
_COMMANDS: Mapping[ModelCommand, Sequence[str]] = {
    ModelCommand.BUILD: ("build",),
    ModelCommand.TEST: ("test",),
    ModelCommand.DOCS: ("docs", "generate", "--static"),
    ModelCommand.FRESHNESS: ("source", "freshness"),
}
_DONE = frozenset({"success", "pass", "no-op"})
_TAIL_LINES = 20
_NICENESS = 10
_SESSIONS = "-c max_parallel_workers_per_gather=0"
"""Options of libpq for dbt's sessions, which dbt-redshift does not read. A build may wait; reads of
records and applies may not: it takes a processor for a thread at most, and gives way.
"""
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "PGSSLROOTCERT")
"""dbt gets nothing else of our environment, which holds secrets."""


def find_dbt(setting: Path | None) -> Path:
    """The program; raises `SettingsError` that says how to install it."""
    if setting is not None:
        if not os.access(setting, os.X_OK):
            raise SettingsError(f"TIDEGATE_MODEL__DBT: {setting} is no program. Correct the path.")
        return setting
    if os.access(BESIDE, os.X_OK):
        return BESIDE.absolute()
    if (found := shutil.which("dbt")) is not None:
        return Path(found)
    raise SettingsError(
        "dbt is not installed: TIDEGATE_MODEL__DBT is not set, and no dbt is on PATH. Run `make model` in a "
        "checkout, or install dbt-core 1.10 with dbt-postgres or dbt-redshift in an environment of its own, "
        "and set TIDEGATE_MODEL__DBT to its `dbt`."
    )


@dataclass(frozen=True)
class Dbt:
    """A dbt project that was written to a folder, with a profile beside it."""

    program: Path
    folder: Path
    """Holds `dbt_project.yml` and `profiles.yml`."""
    password: str
    variables: Mapping[str, Any]
    """dbt's vars."""

    def run(self, command: ModelCommand, *options: str) -> ModelRun:
        """Run a command to its end. Blocks for as long as the warehouse takes.

        Raises `ModelBuildError` where dbt ended before it could say what it did.
        """
        target = self.folder / "target"
        results = target / ("sources.json" if command is ModelCommand.FRESHNESS else "run_results.json")
        results.unlink(missing_ok=True)
        ended = self._started(*_COMMANDS[command], *options)
        if not results.exists():
            raise ModelBuildError(command=command.value, status=ended.returncode, detail=_tail(ended))
        return run_of(orjson.loads(results.read_bytes()))

    def program_output(self, *arguments: str) -> str:
        """The last lines of what another command of dbt says; empty when it succeeds."""
        ended = self._started(*arguments)
        return _tail(ended) if ended.returncode else ""

    def _started(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folder = str(self.folder.absolute())
        variables = orjson.dumps(dict(self.variables)).decode()
        command = [
            str(self.program.absolute()),
            "--no-use-colors",
            "--no-send-anonymous-usage-stats",
            *arguments,
            *("--project-dir", folder, "--profiles-dir", folder, "--vars", variables),
        ]
        with subprocess.Popen(  # noqa: S603 -- the program is the installation's own
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=self._environment(),
        ) as process:
            with suppress(ProcessLookupError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            said, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, said)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return kept | {PASSWORD_VARIABLE: self.password, "PGOPTIONS": _SESSIONS}


def _tail(ended: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(ended.stdout.strip().splitlines()[-_TAIL_LINES:])


def run_of(results: Mapping[str, Any]) -> ModelRun:
    """The result of a run, by dbt's own record (`run_results.json` or `sources.json`)."""
    models = tests = 0
    problems = []
    for each in results["results"]:
        name, status = str(each["unique_id"]), str(each["status"])
        if status not in _DONE:
            detail = str(each.get("message") or each.get("error") or "")
            problems.append(ModelProblem(name=name, status=status, detail=detail[:500]))
        elif name.startswith(("test.", "source.")):
            tests += 1
        elif name.startswith(("model.", "seed.")):
            models += 1
    return ModelRun(
        models=models, tests=tests, seconds=float(results["elapsed_time"]), problems=tuple(problems)
    )
