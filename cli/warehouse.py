"""tidegate warehouse: ask the warehouse whether it does what the engine relies on, copy its tables
for other engines, and fill its read copy.
"""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import pyarrow as pa
import typer
from pydantic import SecretStr, ValidationError
from rich.table import Table

from activities.read_copy.fill import FilledCopy
from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.state import local_settings
from clients.warehouse.export.exporter import Exporter
from clients.warehouse.export.place import opened_place
from clients.warehouse.read_copy.standing import NOT_FILLED, Standing
from schemas.errors import SettingsError
from schemas.model.export import TABLES
from schemas.settings.services import WarehouseSettings
from workers.clients import decided_catalogue, open_warehouse
from workers.read_copy.commands import copy_commands
from workers.settings import Settings
from workers.warehouse_verify.answers import Answer, Verdict
from workers.warehouse_verify.run import verify as ask_everything

_STYLES = {Verdict.HELD: "green", Verdict.FAILED: "bold red", Verdict.TOLD: ""}

app = CommandApp(
    about="Ask the warehouse what the engine relies on; export and copy it.\n\nExample: tidegate warehouse verify"
)


@app.command("verify")
def verify(
    dsn: Annotated[
        str | None,
        typer.Option("--dsn", help="Connection URL of another warehouse. Default: that of the settings."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Of that one: postgres or redshift.")] = None,
    copy_role: Annotated[
        str | None, typer.Option("--copy-role", help="ARN of the role with which its COPY reads the bucket.")
    ] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Try what no page of AWS settles, and the adapter's contract, in schemas of
    its own; print what held and what did not, and drop them.

    It takes five minutes on Redshift. Ends with 0 when everything held, else with 1.

    Example: tidegate warehouse verify
    """
    loaded = _chosen(local_settings(settings, home), dsn, kind, copy_role)
    answers = ask_everything(loaded, say)
    has_failed = any(each.verdict is Verdict.FAILED for each in answers)
    if as_json:
        print_json({"held": not has_failed, "answers": [asdict(each) for each in answers]})
    else:
        OUT.print(_page(answers))
    if has_failed:
        raise typer.Exit(EXIT_FAILED)


@app.command("export")
def export(
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="Folder, or s3://BUCKET/PREFIX, with the rights of your AWS credentials."
        ),
    ],
    object_name: Annotated[
        list[str] | None, typer.Option("--object", help="Only this object; may be given again.")
    ] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write current states, history and the change log as Parquet, for DuckDB, Spark or Athena.

    Each object gets a folder with a manifest that names its files. A later export adds the changes
    since, and replaces states. Fields whose values an erasure takes are left out.

    Example: tidegate warehouse export /srv/export --object Case
    """
    loaded = local_settings(settings, home)
    try:
        files, folder = opened_place(out)
        with closing(open_warehouse(loaded)) as warehouse:
            catalogue = decided_catalogue(loaded, warehouse)
            exporter = Exporter(warehouse, files, folder)
            chosen = [catalogue.object(name) for name in object_name or catalogue.objects]
            made = [exporter.export(spec, datetime.now(UTC)) for spec in chosen]
    except (OSError, pa.ArrowException) as error:
        raise SettingsError(f"{out} cannot be written: {error}. Give another place.") from error
    if as_json:
        print_json([each.model_dump(mode="json") for each in made])
        return
    table = Table("object", "commit", *TABLES, box=None)
    for each in made:
        table.add_row(each.object, str(each.commit), *(f"{each.rows(name):,}" for name in TABLES))
    OUT.print(table)


@app.command("fill")
def fill(
    object_name: Annotated[
        list[str], typer.Argument(metavar="OBJECT...", help="API names, or `all` for every object.")
    ],
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Empty the object's copy first. Until the end it is not read.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Bring the read copy what it lacks of some objects, while batches are applied to both, and
    compare. One that was interrupted goes on where it was.

    Records are read from the copy from then on. Ends with 1 when one differs from the warehouse.

    Example: tidegate warehouse fill all --reason "the copy is new"
    """
    who, done = acting_user(by), []
    with copy_commands(local_settings(settings, home)) as commands:
        chosen = list(commands.catalogue.objects) if object_name == ["all"] else object_name
        for name in chosen:
            with TALK.status(f"{name}: looking") as status:

                def tell(records: int, name: str = name) -> None:
                    status.update(f"{name}: {records:,} records")

                done.append(commands.fill(name, afresh=afresh, by=who, reason=reason, tell=tell))
            say(_filled(done[-1]))
    if as_json:
        print_json([asdict(each) for each in done])
    if any(each.differs for each in done):
        raise typer.Exit(EXIT_FAILED)


def _filled(done: FilledCopy) -> str:
    told = f"{done.object}: {done.records:,} records, {done.changes:,} changes were missing"
    return f"{told}; it is equal, and read from now on" if done.differs is None else f"{told}; {done.differs}"


@app.command("copies")
def copies(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """List the objects of the read copy: which are read, and why others are not.

    Example: tidegate warehouse copies
    """
    with copy_commands(local_settings(settings, home)) as commands:
        rows = {row.object: row for row in commands.standings()}
        names = sorted({*commands.catalogue.objects, *rows})
    if as_json:
        print_json([_standing(name, rows.get(name)) for name in names])
        return
    table = Table("object", "read", "filled", "compared", "records brought", box=None)
    for name in names:
        each = _standing(name, rows.get(name))
        read = "yes" if each["refusal"] is None else f"no: it {each['refusal']}"
        table.add_row(name, read, each["filled_at"] or "", each["checked_at"] or "", f"{each['records']:,}")
    OUT.print(table)


def _standing(name: str, row: Standing | None) -> dict[str, Any]:
    if row is None:
        return {"object": name, "refusal": NOT_FILLED, "filled_at": None, "checked_at": None, "records": 0}
    times = {
        key: None if at is None else at.isoformat(timespec="seconds")
        for key, at in (("filled_at", row.filled_at), ("checked_at", row.checked_at))
    }
    return {"object": name, "refusal": row.refusal, **times, "records": row.records}


def _chosen(settings: Settings, dsn: str | None, kind: str | None, copy_role: str | None) -> Settings:
    """The settings with another warehouse, where one is named."""
    where = settings.warehouse
    given: dict[str, object] = {
        "kind": kind or where.kind,
        "copy_role": copy_role or where.copy_role,
        "tls": where.tls,
        "ca_file": where.ca_file,
    }
    if dsn is None:
        return settings.model_copy(update={"warehouse": where.model_copy(update=given)})
    try:
        other = WarehouseSettings.model_validate(given | {"dsn": SecretStr(dsn)})
    except ValidationError as error:
        raise SettingsError(f"--kind takes postgres or redshift, not {kind}.") from error
    return settings.model_copy(update={"warehouse": other})


def _page(answers: list[Answer]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in answers:
        table.add_row(
            f"[{_STYLES[each.verdict]}]{each.verdict}[/]" if _STYLES[each.verdict] else each.verdict,
            each.name,
            each.told,
        )
    return table
