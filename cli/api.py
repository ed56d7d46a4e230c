"""tidegate api …: the HTTP API, and tokens for it."""

import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Reason, SettingsFile, acting_user
from cli.output import OUT, AsJson, print_json
from cli.state import local_settings, settings_file
from clients.database.api_tokens import ApiTokens
from clients.database.audit_log import AuditLog
from schemas.errors import SettingsError
from schemas.ingest.messages import Act
from schemas.security.access import OUR_NAMES, CallerRole, RecordScope, WriterScope
from schemas.security.api_tokens import MOST_DAYS, TOKEN_PREFIX, StoredToken
from schemas.settings.api import CALLER_NAME, ApiToken
from workers.addresses import operational_address
from workers.settings import FILE_VARIABLE

app = CommandApp(
    about="Serve the HTTP API; make, list and withdraw tokens for it.\n\nExample: tidegate api --port 8400",
    usual="serve",
    meant_alone=True,
    order=("serve", "token", "tokens", "revoke"),
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


_Days = Annotated[
    int,
    typer.Option(
        min=0,
        max=MOST_DAYS,
        help="Keep its hash in the operational store, for so many days: it counts within seconds. 0 = print an entry "
        "for the settings instead, and store nothing.",
    ),
]


_Records = Annotated[
    list[str] | None,
    typer.Option(help="An object whose records it may read (* = every object); may be repeated."),
]
_Decrypt = Annotated[
    list[str] | None,
    typer.Option(help="A protected field, as Contact.Email, that it may read in plaintext; may be repeated."),
]


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
    days: _Days = 0,
    objects: Annotated[
        list[str] | None,
        typer.Option("--object", help="Of a writer: an object that it may write; may be repeated."),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", help="Of a writer: a field as Case.Status; may be repeated."),
    ] = None,
    records: _Records = None,
    decrypt: _Decrypt = None,
    by: By = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a token. It is stored with --days; otherwise its entry for the settings is printed.

    Example: tidegate api token billing --role guest --days 90
    """
    _check_name(name)
    made, entry = new_token(name, role)
    entry |= _scope(role, objects or [], fields or []) | _records(role, records or [], decrypt or [])
    if days:
        kept = _kept(entry, acting_user(by), days)
        with _tokens(settings, home) as (tokens, audit):
            tokens.add(kept)
            detail = f"{role}, good until {kept.expires_at:%Y-%m-%d}"
            _record(audit, Act(act="api.token", by=kept.made_by, target=name, detail=detail, at=kept.made_at))
        _tell_kept(made, kept, as_json=as_json)
        return
    _tell_entry(made, entry, as_json=as_json)


@app.command("tokens")
def list_tokens(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """List the tokens of the operational store, the newest first. Those of the settings are not
    there.

    Example: tidegate api tokens
    """
    with _tokens(settings, home) as (tokens, _):
        found = tokens.all()
    now = datetime.now(UTC)
    if as_json:
        print_json([{**each.model_dump(mode="json"), "state": each.state(now)} for each in found])
        return
    table = Table("name", "role", "state", "made", "by", "expires")
    for each in found:
        days = (f"{at:%Y-%m-%d}" for at in (each.made_at, each.expires_at))
        made, expires = days
        table.add_row(each.name, str(each.role), each.state(now), made, each.made_by, expires)
    OUT.print(table)


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="The token's name.")],
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Withdraw a token, of the operational store or of the settings: it ends within seconds, in
    every API process, with its console sessions.

    Example: tidegate api revoke billing --reason "left on a laptop"
    """
    loaded = local_settings(settings, home)
    now, who = datetime.now(UTC), acting_user(by)
    with _tokens(settings, home) as (tokens, audit):
        chosen = [each for each in tokens.all() if each.name == name and each.revoked_at is None]
        listed = [each for each in loaded.api.tokens if each.name == name]
        chosen += [_of_settings(each, who, now) for each in listed]
        if not chosen:
            raise SettingsError(
                f"No token is named {name}, or it was withdrawn before. `tidegate api tokens` lists them."
            )
        count = tokens.revoke(chosen, by=who, at=now)
        if count:
            _record(audit, Act(act="api.revoke", by=who, target=name, detail=reason, at=now))
    said = "withdrawn" if count else "was withdrawn before"
    OUT.print(f"{name} {said}", markup=False)


@contextmanager
def _tokens(settings: Path | None, home: Path) -> Iterator[tuple[ApiTokens, AuditLog]]:
    dsn = operational_address(local_settings(settings, home).operational)
    with closing(ApiTokens(dsn)) as tokens, closing(AuditLog(dsn)) as audit:
        yield tokens, audit


def _record(audit: AuditLog, act: Act) -> None:
    audit.ensure_tables()
    audit.append(act)


def _check_name(name: str) -> None:
    if re.fullmatch(CALLER_NAME, name) is None or name in OUR_NAMES:
        raise SettingsError(
            f"{name!r} cannot be a token's name: letters, digits and . _ @ - only, 64 at most, and none of "
            f"{', '.join(sorted(OUR_NAMES))}. Choose another."
        )


def _scope(role: CallerRole, objects: list[str], fields: list[str]) -> dict[str, Any]:
    if not objects and not fields:
        return {}
    if role is not CallerRole.WRITER:
        raise SettingsError(
            "--object and --field limit the role writer. Leave them out, or give --role writer."
        )
    try:
        return {"writer": WriterScope(objects=tuple(objects), fields=tuple(fields)).model_dump()}
    except ValidationError:
        raise SettingsError("--field takes OBJECT.FIELD, as Case.Status. Correct it.") from None


def _records(role: CallerRole, objects: list[str], decrypt: list[str]) -> dict[str, Any]:
    if not objects and not decrypt:
        return {}
    if not role.includes(CallerRole.READER):
        raise SettingsError(
            f"--records is of a reader or operator, and {role} reads none. Give another --role."
        )
    try:
        return {"records": RecordScope(objects=tuple(objects), decrypt=tuple(decrypt)).model_dump()}
    except ValidationError:
        raise SettingsError("--decrypt takes OBJECT.FIELD, as Contact.Email. Correct it.") from None


def _kept(entry: dict[str, Any], by: str, days: int) -> StoredToken:
    now = datetime.now(UTC)
    return StoredToken(**entry, made_at=now, made_by=by, expires_at=now + timedelta(days=days))


def _of_settings(entry: ApiToken, by: str, now: datetime) -> StoredToken:
    values = entry.model_dump(include={"name", "role", "sha256", "writer", "records"})
    return StoredToken(**values, made_at=now, made_by=by, expires_at=now)


def _tell_kept(made: str, kept: StoredToken, *, as_json: bool) -> None:
    if as_json:
        print_json({"token": made, "entry": kept.model_dump(mode="json", exclude={"sha256"})})
        return
    OUT.print(f"token    {made}", markup=False, soft_wrap=True)
    until = f"{kept.expires_at:%Y-%m-%d %H:%M} UTC"
    OUT.print(f"It is shown this once, counts within seconds, and expires at {until}.", markup=False)


def _tell_entry(made: str, entry: dict[str, Any], *, as_json: bool) -> None:
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
    made = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
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
