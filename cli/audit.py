"""tidegate audit …: what operators did, and whether the record of it is whole."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile, Since, Until, time_range
from cli.output import EXIT_FAILED, OUT, print_json
from cli.state import local_settings
from clients.database.address import DatabaseAddress
from clients.database.audit_log import AuditLog
from clients.writeback.audit_verify import broken_seals
from workers.addresses import operational_address

app = CommandApp(
    about="Show what operators did, and check that the log of it is whole.\n\nExample: tidegate audit list --since 2d",
)


@app.command("list")
def list_acts(
    since: Since = None,
    until: Until = None,
    by: Annotated[str, typer.Option("--by", help="Only acts of this person or caller.")] = "",
    act: Annotated[
        str, typer.Option("--act", help="Only this act: lane.pause; or a kind of them: lane.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One list on stdout.")] = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """List acts, the oldest first.

    Example: tidegate audit list --since 2d --act lane
    """
    first, last = time_range(since, until)
    with closing(_log(settings, home)) as log:
        rows = log.find(since=first, until=last, by=by, act=act)
    if as_json:
        print_json([{"number": number, **each.model_dump()} for number, each in rows])
        return
    table = Table("number", "at", "act", "by", "to", "detail", box=None)
    for number, each in rows:
        table.add_row(
            str(number), f"{each.at:%Y-%m-%d %H:%M:%S}", each.act, each.by, each.target, each.detail
        )
    OUT.print(table)


@app.command("verify")
def verify(settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """Check that no row was altered, removed or moved, of the log and of the attempts at
    writebacks; exits 1 and says where when one was.

    Rows cut off the end cannot be seen from inside: compare the last number with a copy kept
    elsewhere.

    Example: tidegate audit verify
    """
    with closing(_log(settings, home)) as log:
        problems, acts = log.verify(), len(log.rows())
    problems += broken_seals(_store(settings, home))
    for problem in problems:
        OUT.print(problem)
    if problems:
        raise typer.Exit(EXIT_FAILED)
    OUT.print(f"the audit log is whole: {acts} acts; every attempt at a writeback is as it was sealed")


def _log(settings: Path | None, home: Path) -> AuditLog:
    log = AuditLog(_store(settings, home))
    log.ensure_tables()
    return log


def _store(settings: Path | None, home: Path) -> DatabaseAddress:
    """The address of the operational store."""
    return operational_address(local_settings(settings, home).operational)
