"""The Salesforce CLI, `sf`, as a command with a home folder of its own."""

import json
from pathlib import Path
from typing import Any

from tests.real_clients.client import ENVIRONMENTS, existing, run
from tests.real_clients.org import SalesforceOrg

_SETTINGS = {
    "SF_DISABLE_TELEMETRY": "true",
    "SF_AUTOUPDATE_DISABLE": "true",
    "SF_SKIP_NEW_VERSION_CHECK": "true",
    "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
    "NO_COLOR": "1",
}
"""It calls nobody but the org, and keeps its secrets in its home folder."""
_SECONDS = 400


class Cli:
    """The command, logged in by JWT. Its files are in `folder`."""

    def __init__(self, org: SalesforceOrg, folder: Path) -> None:
        self._org = org
        self.folder = folder
        who = org.identity
        app = ["--client-id", who["client_id"], "--jwt-key-file", who["private_key_file"]]
        user = ["--username", who["username"], "--instance-url", org.tls_url, "--set-default"]
        self.login = self.sf("org", "login", "jwt", *app, *user)

    def sf(self, *words: str) -> Any:
        """The result of a command that must succeed."""
        settings = [f"{name}={value}" for name, value in (_SETTINGS | {"HOME": str(self.folder)}).items()]
        command = str(existing(ENVIRONMENTS / "cli" / "node_modules" / ".bin" / "sf"))
        return json.loads(run(self._org, ["env", *settings, command, *words, "--json"], seconds=_SECONDS))[
            "result"
        ]
