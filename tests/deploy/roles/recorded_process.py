"""Runs a module as a program, and writes down what it asks of S3 and KMS:
`python -m tests.deploy.roles.recorded_process FILE MODULE ARGUMENT…`.

FILE.json has the deployment's names; a line a new permission goes to FILE-PID.calls. boto3's own
session is listened to, so the program runs as it is.
"""

import json
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import Any

import boto3

from tests.deploy.roles.permissions import Call, Deployed, Permission

_PARAMETERS = "recorded_parameters"


class Recorder:
    """Writes each permission once."""

    def __init__(self, deployed: Deployed, file: Path) -> None:
        self._deployed = deployed
        self._file = file
        self._seen: set[Permission] = set()
        self._lock = threading.Lock()

    def begin(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        """Keep a call's parameters until its answer."""
        context[_PARAMETERS] = dict(params)

    def end(
        self, http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        """Write down what the call took."""
        parameters = context.pop(_PARAMETERS, {})
        call = Call(model.name, parameters, parsed, http_response.status_code)
        with self._lock:
            new = set(self._deployed.permissions(call)) - self._seen
            self._seen |= new
            with self._file.open("a", encoding="utf-8") as lines:
                lines.writelines(f"{each.action}\t{each.place}\n" for each in sorted(new))


def record(file: Path) -> None:
    """Listen to every client of S3 and KMS that this process makes from now on."""
    deployed = Deployed(**json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
    recorder = Recorder(deployed, file.with_name(f"{file.name}-{os.getpid()}.calls"))
    boto3.setup_default_session()
    events = boto3.DEFAULT_SESSION.events
    for service in ("s3", "kms"):
        events.register(f"before-parameter-build.{service}", recorder.begin)
        events.register(f"after-call.{service}", recorder.end)


def recorded(file: Path) -> set[Permission]:
    """The permissions of every process of this file."""
    texts = (each.read_text(encoding="utf-8") for each in file.parent.glob(f"{file.name}-*.calls"))
    return {Permission(*line.split("\t")) for text in texts for line in text.splitlines()}


if __name__ == "__main__":
    where, module, *arguments = sys.argv[1:]
    record(Path(where))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
