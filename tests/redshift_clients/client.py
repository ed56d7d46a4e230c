"""Runs a client in the environment that `make test-redshift-clients` made for it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-clients"
_SECONDS = 180


class ClientError(AssertionError):
    """The client ended with an error; what it said of it."""


def own_command(client: str, command: str) -> Path:
    """A command of a client's environment. A missing environment is a failure: nothing was
    shown.
    """
    path = ENVIRONMENTS / f"redshift-{client}" / "bin" / command
    if not path.exists():
        raise ClientError(f"{path} is missing: `make test-redshift-clients` installs it")
    return path


def driver(client: str, call: str, dsn: str, **given: object) -> Any:
    """The output of `call` of drivers/<client>.py, run by the client's own interpreter."""
    script = HERE / "drivers" / f"{client.replace('-', '_')}.py"
    done = subprocess.run(
        [str(own_command(client, "python")), str(script), call],
        input=json.dumps({"dsn": dsn, **given}),
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise ClientError(
            f"{client} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        )
    return json.loads(done.stdout.strip().splitlines()[-1])
