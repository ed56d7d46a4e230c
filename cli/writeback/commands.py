"""tidegate writeback: changes that Salesforce is to have, and what became of them."""

from contextlib import closing
from datetime import timedelta
from typing import Annotated

import typer

from cli.options import SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from cli.writeback.control import COMMANDS
from cli.writeback.output import attempts_page, batches_page, latency_page, list_page, shown_text
from cli.writeback.submit import submit
from clients.writeback.queries import Row, WritebackFilter, WritebackLooks
from schemas.writeback.messages import WritebackState
from workers.settings import Settings

app = typer.Typer(help="Changes that Salesforce is to have, and what became of them.", no_args_is_help=True)
app.command("submit")(submit)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)

OfObject = Annotated[str | None, typer.Option("--object", help="API name, as Case.")]


@app.command("list")
def list_writebacks(
    object_name: OfObject = None,
    state_name: Annotated[
        WritebackState | None, typer.Option("--is", help="Only those in this state.")
    ] = None,
    caller: Annotated[str | None, typer.Option(help="Only those of one caller.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only those of one batch.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters, the oldest first.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Rows shown one by one; all are counted.")] = 20,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Where writebacks stand: counts by object and state, and the newest one by one.

    Example: tidegate writeback list --dead
    """
    chosen = WritebackFilter(
        object_name, WritebackState.DEAD if dead else state_name, caller=caller, batch=batch
    )
    with closing(_looks(settings_of_state(settings, state))) as looks:
        counts, rows = looks.counts(caller=caller), looks.page(chosen, most, oldest_first=dead)
    if as_json:
        print_json({"counts": [vars(each) for each in counts], "writebacks": rows})
    else:
        OUT.print(list_page(counts, rows))


@app.command("show")
def show_writeback(
    number: Annotated[int, typer.Argument(help="As `list` and `submit` name it.")],
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """One writeback and every attempt to send it; personal values stay encrypted.

    Example: tidegate writeback show 17
    """
    with closing(_looks(settings_of_state(settings, state))) as looks:
        found = looks.one(number)
        attempts: list[Row] = [] if found is None else looks.attempts(number)
    if found is None:
        say(f"There is no writeback {number}. `tidegate writeback list` shows those that there are.")
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json({**found, "tried": attempts})
        return
    for name, value in found.items():
        OUT.print(f"{name:>16}  {shown_text(value)}", markup=False)
    if attempts:
        OUT.print(attempts_page(attempts))


@app.command("batches")
def list_batches(
    object_name: OfObject = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not closed.")] = False,
    most: Annotated[int, typer.Option(min=1, help="The last so many.")] = 20,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """List batches: carrier, calls, and outcome, the newest first.

    Example: tidegate writeback batches --object Case --open
    """
    with closing(_looks(settings_of_state(settings, state))) as looks:
        rows = looks.batches(most, object_name=object_name, is_open=is_open)
    print_json({"batches": rows}) if as_json else OUT.print(batches_page(rows))


@app.command("latency")
def show_latency(
    hours: Annotated[float, typer.Option(min=0.01, help="Of what was done within this time.")] = 1.0,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """How long writebacks took from acceptance: until they were sent, done in Salesforce, and back in the warehouse.

    Example: tidegate writeback latency --hours 24
    """
    with closing(_looks(settings_of_state(settings, state))) as looks:
        found = looks.latencies(timedelta(hours=hours))
    print_json({"objects": [each.as_json() for each in found]}) if as_json else OUT.print(latency_page(found))


def _looks(settings: Settings) -> WritebackLooks:
    return WritebackLooks(settings.operational.dsn.get_secret_value())
