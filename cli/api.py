"""tidegate api …: the HTTP API, and tokens for it."""

import hashlib
import json
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import OUT, AsJson, print_json
from cli.state import settings_file
from schemas.access import CallerRole
from schemas.errors import SettingsError
from schemas.settings.api import CALLER_NAME
from workers.settings import FILE_VARIABLE

app = CommandApp(
    about="Serve the HTTP API, or make a token for it.\n\nExample: tidegate api --port 8400",
    usual="serve",
    meant_alone=True,
)

COMMAND = (sys.executable, "-m", "api")
"""A program of its own: the command line and the API are two doors, neither through the other."""


@app.command("serve")
def serve(
    host: Annotated[
        str | None, typer.Option(help="Where it listens; by default what the settings say.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="By default what the settings say.")
    ] = None,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C.

    Example: tidegate api --port 8400
    """
    left = settings_file(home)
    file = settings or (left if left.exists() else None)
    given = {
        FILE_VARIABLE: None if file is None else str(file),
        "TIDEGATE_API__HOST": host,
        "TIDEGATE_API__PORT": None if port is None else str(port),
    }
    os.environ.update({name: value for name, value in given.items() if value is not None})
    os.execv(COMMAND[0], COMMAND)  # noqa: S606 -- our own interpreter


@app.command("token")
def token(
    name: Annotated[str, typer.Argument(help="Whose it is; goes on record with every act.")],
    role: Annotated[
        CallerRole,
        typer.Option(
            help="operator: everything; reader: look; writer: submit writebacks; guest: lease "
            "tokens only; eraser: erase records, and look."
        ),
    ] = CallerRole.READER,
    as_json: AsJson = False,
) -> None:
    """Make a token, and the entry of the settings that has the API accept it. Nothing is stored.

    Example: tidegate api token billing --role guest
    """
    if re.fullmatch(CALLER_NAME, name) is None:
        raise SettingsError(
            f"{name!r} cannot be a token's name: letters, digits and . _ @ - only, 64 at most. Choose another."
        )
    made, entry = new_token(name, role)
    if as_json:
        print_json({"token": made, "entry": entry})
        return
    OUT.print(f"token    {made}", markup=False, soft_wrap=True)
    OUT.print(f"setting  TIDEGATE_API__TOKENS='{json.dumps([entry])}'", markup=False, soft_wrap=True)
    OUT.print(
        "The token is shown this once. Where the setting has entries already, add this one to its list."
    )


def new_token(name: str, role: CallerRole) -> tuple[str, dict[str, Any]]:
    """A token of 256 random bits, and its entry of the settings."""
    made = f"tg_{secrets.token_urlsafe(32)}"
    return made, entry_of(made, name, role)


def entry_of(token: str, name: str, role: CallerRole) -> dict[str, Any]:
    """The settings' entry of a token."""
    return {"name": name, "role": str(role), "sha256": hashlib.sha256(token.encode()).hexdigest()}


def local_token(folder: Path) -> tuple[str, dict[str, Any]]:
    """The operator's token of `tidegate up`, kept under its state folder, readable by its owner
    alone.
    """
    path = folder / "api.token"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(new_token("local", CallerRole.OPERATOR)[0] + "\n")
    kept = path.read_text().strip()
    return kept, entry_of(kept, "local", CallerRole.OPERATOR)
