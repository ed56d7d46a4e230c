"""tidegate audit …: what operators did, and whether the record of it is whole."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.options import SettingsFile
from cli.output import EXIT_FAILED, OUT, print_json
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.database.audit_log import AuditLog
from clients.writeback.audit_verify import broken_seals

app = typer.Typer(help="What operators did, in a log chained by hash.", no_args_is_help=True)


@app.command("list")
def list_acts(
    as_json: Annotated[bool, typer.Option("--json", help="One list on stdout.")] = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Every act, oldest first.

    Example: tidegate audit list
    """
    with closing(_log(settings, state)) as log:
        rows = log.rows()
    if as_json:
        print_json([{"number": number, **act.model_dump()} for number, act in rows])
        return
    table = Table("number", "at", "act", "by", "to", "detail", box=None)
    for number, act in rows:
        table.add_row(str(number), f"{act.at:%Y-%m-%d %H:%M:%S}", act.act, act.by, act.target, act.detail)
    OUT.print(table)


@app.command("verify")
def verify(settings: SettingsFile = None, state: StateFolder = DEFAULT_STATE) -> None:
    """Check that no row was altered, removed or moved, of the log and of the attempts at writebacks; exits 1 and says where when one was.

    Rows cut off the end cannot be seen from inside: compare the last number with a copy kept elsewhere.

    Example: tidegate audit verify
    """
    with closing(_log(settings, state)) as log:
        problems, acts = log.verify(), len(log.rows())
    problems += broken_seals(_store(settings, state))
    for problem in problems:
        OUT.print(problem)
    if problems:
        raise typer.Exit(EXIT_FAILED)
    OUT.print(f"the audit log is whole: {acts} acts; every attempt at a writeback is as it was sealed")


def _log(settings: Path | None, state: Path) -> AuditLog:
    log = AuditLog(_store(settings, state))
    log.ensure_tables()
    return log


def _store(settings: Path | None, state: Path) -> str:
    """The connection string of the operational store."""
    return settings_of_state(settings, state).operational.dsn.get_secret_value()
