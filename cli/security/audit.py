"""tidegate audit …: what operators did, and whether the record of it is whole."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile, Since, Until, time_range
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from clients.audit.signing import public_key_of
from clients.database.address import DatabaseAddress
from clients.database.audit_log import AuditLog
from schemas.errors import SettingsError
from schemas.security.acting import author
from schemas.security.audit import AuditVerdict
from schemas.security.words import printable
from workers.addresses import operational_address
from workers.security.anchoring import open_anchors, verify_audit

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
    """List acts, the oldest first. A name that nobody has checked is marked as unverified.

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
        cells = (each.act, author(each.by, each.origin), each.target, each.detail)
        # Rows of older releases hold what they were given: a terminal must not obey it.
        table.add_row(str(number), f"{each.at:%Y-%m-%d %H:%M:%S}", *(Text(printable(cell)) for cell in cells))
    OUT.print(table)


@app.command("verify")
def verify(
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key", help="DER file of the anchors' public key. By default KMS is asked for it."
        ),
    ] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Check that no row was altered, removed, moved or cut off, of the log and of the attempts at
    writebacks, against the log's signed anchors; exits 1 and names the rows when one was.

    Example: tidegate audit verify
    """
    key = None if public_key is None else public_key_of(public_key.read_bytes())
    verdict = verify_audit(local_settings(settings, home), key)
    if as_json:
        print_json(verdict.model_dump(mode="json"))
    else:
        _tell(verdict)
    if verdict.problems:
        raise typer.Exit(EXIT_FAILED)


@app.command("anchor")
def anchor(settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """Write an anchor of the log now, where it has something new.

    Example: tidegate audit anchor
    """
    loaded = local_settings(settings, home)
    anchors = open_anchors(loaded)
    if anchors is None:
        raise SettingsError("There is no bucket for anchors. Set TIDEGATE_AUDIT__BUCKET.")
    with closing(_log(settings, home)) as log:
        written = anchors.write(log)
        last, _ = log.head()
    say(
        f"{written} anchors written, up to row {last:,}"
        if written
        else "nothing is new since the last anchor"
    )


def _tell(verdict: AuditVerdict) -> None:
    for problem in verdict.problems:
        OUT.print(problem, markup=False)
    if not verdict.problems:
        OUT.print(
            f"the audit log is whole: {verdict.acts:,} acts; every attempt at a writeback is as it was sealed"
        )
    if verdict.anchors is None:
        OUT.print("without anchors (TIDEGATE_AUDIT__BUCKET is not set) acts cut off the end cannot be seen")
    else:
        new = verdict.acts - verdict.anchored_to
        at = "never" if verdict.anchored_at is None else f"at {verdict.anchored_at:%Y-%m-%d %H:%M:%S} UTC"
        OUT.print(
            f"{verdict.anchors:,} anchors; the last one was written {at}, and {max(new, 0):,} acts came after it"
        )
    OUT.print(f"{verdict.unproven:,} acts are by authors that nobody has checked")


def _log(settings: Path | None, home: Path) -> AuditLog:
    log = AuditLog(_store(settings, home))
    log.ensure_tables()
    return log


def _store(settings: Path | None, home: Path) -> DatabaseAddress:
    """The address of the operational store."""
    return operational_address(local_settings(settings, home).operational)
