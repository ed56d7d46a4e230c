"""tidegate warehouse: ask the warehouse whether it does what the engine relies on."""

from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError
from rich.table import Table

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from schemas.errors import SettingsError
from schemas.settings.services import WarehouseSettings
from workers.settings import Settings
from workers.warehouse_verify.answers import Answer, Verdict
from workers.warehouse_verify.run import verify as ask_everything

_STYLES = {Verdict.HELD: "green", Verdict.FAILED: "bold red", Verdict.TOLD: ""}

app = CommandApp(about="Ask the warehouse what the engine relies on.\n\nExample: tidegate warehouse verify")


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
