"""The engine on this machine: `up` and `sandbox up` leave their endpoints where the other commands
look.
"""

import os
from pathlib import Path

from pydantic import ValidationError

from clients.temporal.run_views import web_ui_url
from sandbox.endpoints import Endpoints
from schemas.errors import SettingsError
from schemas.settings.fleet import FleetSettings
from workers.settings import Settings, load_fleet_settings, load_settings

SANDBOX_URL_VARIABLE = "TIDEGATE_SANDBOX_URL"
"""Environment variable with the prefix of the sandbox org's own routes, for a sandbox in
containers.
"""


def endpoints_file(state: Path) -> Path:
    return state / "endpoints.json"


def settings_file(state: Path) -> Path:
    return state / "settings.json"


def metrics_file(state: Path) -> Path:
    """The addresses at which the engine's processes serve metrics, for Prometheus."""
    return state / "metrics.json"


def write_endpoints(state: Path, endpoints: Endpoints) -> None:
    """Leave the endpoints for other commands, readable by their owner alone: they hold
    credentials.
    """
    path = endpoints_file(state)
    path.touch(mode=0o600)
    path.write_text(endpoints.model_dump_json(indent=2) + "\n")


def read_endpoints(state: Path) -> Endpoints:
    """The endpoints of the sandbox over `state`; raises `SettingsError` when none was started
    there.
    """
    try:
        return Endpoints.model_validate_json(endpoints_file(state).read_text())
    except OSError as error:
        raise SettingsError(
            f"No sandbox was started with its state in {state}. Run `tidegate up`, or give its --home folder."
        ) from error
    except ValidationError as error:
        raise SettingsError(f"{endpoints_file(state)} is not readable; start the sandbox again.") from error


def control_url(state: Path) -> str:
    """Prefix of the sandbox org's own routes: of the environment, else of what `up` left."""
    return os.environ.get(SANDBOX_URL_VARIABLE) or read_endpoints(state).salesforce.control_url


def local_settings(named: Path | None, state: Path) -> Settings:
    """The engine's settings: the named file, else what `up` left under `state`, else the
    environment alone.
    """
    return load_settings(_file_to_read(named, state))


def local_fleet(named: Path | None, state: Path) -> FleetSettings:
    """The fleet's settings alone, from the same places."""
    return load_fleet_settings(_file_to_read(named, state))


def _file_to_read(named: Path | None, state: Path) -> Path | None:
    left = settings_file(state)
    return named or (left if left.exists() else None)


def workflow_url(settings: Settings, workflow: str) -> str | None:
    """Where the Web UI shows a workflow; None when the settings name no Web UI."""
    where = settings.temporal
    return web_ui_url(where.ui_url, where.namespace, workflow)
