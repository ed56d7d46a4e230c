"""Runs a client in the environment that `make test-clients` made for it, told of nothing but the
host and the CA.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.real_clients.org import SalesforceOrg

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-clients"
_SECONDS = 180


class ClientError(AssertionError):
    """The client ended with an error; what it said of it."""


def own_python(client: str) -> Path:
    """The interpreter of a client's environment. A missing environment is a failure: nothing was
    shown.
    """
    return existing(ENVIRONMENTS / client / "bin" / "python")


def own_command(client: str, command: str) -> Path:
    """A command that the client's package installs."""
    return existing(ENVIRONMENTS / client / "bin" / command)


def python_driver(org: SalesforceOrg, client: str, call: str, **given: object) -> Any:
    """The output of `call` of drivers/<client>.py, run by the client's own interpreter."""
    return _driver(org, own_python(client), client.replace("-", "_") + ".py", call, given)


def this_python_driver(org: SalesforceOrg, script: str, call: str, **given: object) -> Any:
    """The same for a client that is a dependency of Tidegate."""
    return _driver(org, Path(sys.executable), script, call, given)


def node_driver(org: SalesforceOrg, client: str, call: str, **given: object) -> Any:
    """The output of `call` of drivers/<client>.mjs. Node looks for packages beside the script, so
    it is copied there.
    """
    home = existing(ENVIRONMENTS / "node" / "node_modules" / client).parents[1]
    script = home / f"{client}.mjs"
    script.write_text((HERE / "drivers" / f"{client}.mjs").read_text())
    return _answer(run(org, ["node", str(script), call], _config(org, given)))


def run(org: SalesforceOrg, command: list[str], stdin: str = "", seconds: float = _SECONDS) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        command,
        input=stdin,
        env=environment(org),
        cwd=org.folder,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode:
        raise ClientError(
            f"{Path(command[0]).name} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        )
    return done.stdout


def environment(org: SalesforceOrg) -> dict[str, str]:
    """Variables of a client's process: where the org is, and which CA to trust."""
    ca_file = str(org.ca_file)
    inherited = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return inherited | {
        "PYTHONPATH": str(HERE / "hosts"),
        "SALESFORCE_TLS_PORT": str(org.tls_port),
        "REQUESTS_CA_BUNDLE": ca_file,
        "SSL_CERT_FILE": ca_file,
        "NODE_EXTRA_CA_CERTS": ca_file,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": ca_file,
    }


def _driver(org: SalesforceOrg, python: Path, script: str, call: str, given: dict[str, object]) -> Any:
    return _answer(run(org, [str(python), str(HERE / "drivers" / script), call], _config(org, given)))


def _answer(stdout: str) -> Any:
    return json.loads(stdout.strip().splitlines()[-1])


def _config(org: SalesforceOrg, given: dict[str, object]) -> str:
    where = {"url": org.tls_url, "pubsub_port": org.pubsub_port, "ca_file": str(org.ca_file)}
    return json.dumps({**org.identity, **where, **given})


def existing(path: Path) -> Path:
    """The path, if it is there; what is missing is named, and how to get it."""
    if not path.exists():
        raise ClientError(f"{path} is missing: `make test-clients` installs it")
    return path
