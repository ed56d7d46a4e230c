"""tidegate model …: build the reporting model in the warehouse, test it, write its docs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from cli.stores import audit_log
from schemas.errors import SettingsError
from schemas.model import ModelCommand, ModelRun
from workers.model.acts import ModelActs
from workers.model.builder import opened_model

app = CommandApp(
    about="Build dimensions, facts and metrics for reports, with dbt.\n\nExample: tidegate model build",
)
Select = Annotated[str, typer.Option(help="dbt's selection of models: fact_case+. By default all.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Keep the project and dbt's state here, for a faster start.")
]


@app.command("build")
def build(
    full: Annotated[
        bool, typer.Option("--full", help="From nothing, not only what arrived since the last build.")
    ] = False,
    select: Select = "",
    folder: Folder = None,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Build models and run their tests. Takes what arrived since the last build that succeeded.

    It is written to the audit log. Ends with 1 when a model or a test failed.

    Example: tidegate model build --full --reason "altered rows were repaired"
    """
    loaded = local_settings(settings, home)
    with opened_model(loaded) as model, audit_log(loaded) as audit:
        for each in model.project().left_out:
            say(f"{each.path} is left out: the catalogue lacks {', '.join(each.lacks)}")
        acts = ModelActs(model, audit, loaded.salesforce.org_id)
        done = acts.build(by=acting_user(by), reason=reason, full=full, select=select, folder=_kept(folder))
    _show(done, as_json=as_json)


@app.command("test")
def run_tests(
    freshness: Annotated[
        bool, typer.Option("--freshness", help="Ask only how old the ledger's newest row is.")
    ] = False,
    select: Select = "",
    folder: Folder = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Run the model's tests over what is built: keys, spans, references. Changes nothing.

    Example: tidegate model test
    """
    command = ModelCommand.FRESHNESS if freshness else ModelCommand.TEST
    with opened_model(local_settings(settings, home)) as model:
        _show(model.run(command, select=select, folder=_kept(folder)), as_json=as_json)


@app.command("docs")
def docs(
    out: Annotated[Path, typer.Option(help="Write the page to this file.")] = Path("model.html"),
    folder: Folder = None,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the model's documentation as one HTML page: every table and column, and where it comes
    from.

    Example: tidegate model docs --out model.html
    """
    with opened_model(local_settings(settings, home)) as model:
        try:
            model.document(out, folder=_kept(folder))
        except OSError as error:
            raise SettingsError(f"{out} cannot be written: {error}. Give another --out.") from error
    say(f"written to {out}")


@app.command("project")
def project(
    out: Annotated[Path, typer.Option(help="Write the project to this folder.")],
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the dbt project, for another tool to run or to build upon. The profile is yours.

    Example: tidegate model project --out var/model
    """
    with opened_model(local_settings(settings, home)) as model:
        written = model.write(_kept(out) or out)
    say(f"{len(written.files)} files written to {out}")


def run_page(run: ModelRun) -> RenderableType:
    """The page for a person: a headline, then each problem."""
    head = f"{run.models} models, {run.tests} tests, {len(run.problems)} problems, {run.seconds:.1f} s"
    lines = [Text(head, style="bold green" if run.is_well else "bold red")]
    for each in run.problems:
        first, *_ = each.detail.strip().splitlines() or [""]
        lines.append(Text(f"{each.status:<8} {each.name}: {first}"))
    return Group(*lines)


def _show(run: ModelRun, *, as_json: bool) -> None:
    if as_json:
        print_json(run.model_dump(mode="json") | {"is_well": run.is_well})
    else:
        OUT.print(run_page(run))
    if not run.is_well:
        raise typer.Exit(EXIT_FAILED)


def _kept(folder: Path | None) -> Path | None:
    """The folder, once it is sure that it holds nothing but a project of ours."""
    is_ours = folder is None or not folder.exists() or (folder / "dbt_project.yml").exists()
    if folder is not None and not is_ours and any(folder.iterdir()):
        raise SettingsError(f"{folder} holds other files. Give an empty or a new folder.")
    return folder
