"""tidegate writeback: changes that Salesforce is to have, and what became of them."""

from contextlib import closing
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, Most, OfObject, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from cli.stores import audit_log, object_store
from cli.writeback.control import COMMANDS
from cli.writeback.output import attempts_page, batches_page, latency_page, list_page, shown_text
from cli.writeback.submit import submit
from clients.writeback.queries import Row, WritebackFilter, WritebackQueries
from schemas.catalogue import load_catalogue
from schemas.writeback.messages import WritebackState
from workers.addresses import operational_address
from workers.clients import open_warehouse
from workers.intake import refusal_words
from workers.settings import Settings
from workers.value_readings import READ_WRITEBACK, on_record


class BatchStateOption(StrEnum):
    """States of batches that can be asked for."""

    OPEN = "open"


app = CommandApp(
    about="Send changes to Salesforce, and see what became of them.\n\nExample: tidegate writeback list --state dead",
)
app.command("submit")(submit)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


@app.command("list")
def list_writebacks(
    object_name: OfObject = None,
    state_name: Annotated[
        WritebackState | None,
        typer.Option("--state", help="Only those in this state; dead ones: the oldest first."),
    ] = None,
    caller: Annotated[str | None, typer.Option("--caller", help="Only those of one caller.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only those of one batch.")] = None,
    most: Most = 20,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """List writebacks: counts by object and state, and the newest one by one.

    Example: tidegate writeback list --state dead
    """
    chosen = WritebackFilter(object_name, state_name, caller=caller, batch=batch)
    is_dead = state_name is WritebackState.DEAD
    with closing(_looks(local_settings(settings, home))) as looks:
        counts, rows = looks.counts(caller=caller), looks.page(chosen, most, oldest_first=is_dead)
    if as_json:
        print_json({"counts": [vars(each) for each in counts], "writebacks": rows})
    else:
        OUT.print(list_page(counts, rows))


@app.command("show")
def show_writeback(
    number: Annotated[int, typer.Argument(help="As `list` and `submit` name it.")],
    words: Annotated[
        bool, typer.Option("--words", help="Decrypt Salesforce's own words, which may quote values.")
    ] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show one writeback and every attempt to send it. Personal values stay encrypted. The reading
    is recorded.

    Example: tidegate writeback show 17
    """
    loaded = local_settings(settings, home)
    with closing(_looks(loaded)) as looks:
        found = looks.one(number)
        attempts: list[Row] = [] if found is None else looks.attempts(number)
    if found is None:
        say(f"There is no writeback {number}. `tidegate writeback list` shows those that there are.")
        raise typer.Exit(EXIT_FAILED)
    found, *attempts = _on_record(loaded, [found, *attempts], words=words)
    if as_json:
        print_json({**found, "tried": attempts})
        return
    for name, value in found.items():
        OUT.print(f"{name:>16}  {shown_text(value)}", markup=False)
    if attempts:
        OUT.print(attempts_page(attempts))


def _on_record(settings: Settings, rows: list[Row], *, words: bool) -> list[Row]:
    """A writeback and its attempts as they are shown, once the reading is on record."""
    target = f"writeback/{settings.salesforce.org_id}/{rows[0]['object']}/{rows[0]['number']}"
    where = "by `tidegate writeback show --words`" if words else "by `tidegate writeback show`"

    def read() -> list[Row]:
        return _with_words(settings, rows) if words else rows

    with audit_log(settings) as log:
        return on_record(log, READ_WRITEBACK, target, acting_user(""), where, read)


def _with_words(settings: Settings, rows: list[Row]) -> list[Row]:
    """The rows with Salesforce's words in place of their tokens."""
    catalogue, store = load_catalogue(settings.catalogue), object_store(settings)
    with closing(open_warehouse(settings)) as warehouse:
        said = refusal_words(settings, catalogue, store, warehouse)
        return [{**row, "words": said.reveal(row["words"])} for row in rows]


@app.command("batches")
def list_batches(
    object_name: OfObject = None,
    state_name: Annotated[
        BatchStateOption | None, typer.Option("--state", help="open: only those that are not closed.")
    ] = None,
    most: Most = 20,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """List what was sent together: carrier, calls and outcome, the newest first.

    Example: tidegate writeback batches --object Case --state open
    """
    with closing(_looks(local_settings(settings, home))) as looks:
        rows = looks.batches(most, object_name=object_name, is_open=state_name is BatchStateOption.OPEN)
    print_json({"batches": rows}) if as_json else OUT.print(batches_page(rows))


@app.command("latency")
def show_latency(
    hours: Annotated[
        float, typer.Option("--hours", min=0.01, help="Of what was done within this time.")
    ] = 1.0,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show how long writebacks took: until sent, done in Salesforce, and back in the warehouse.

    Example: tidegate writeback latency --hours 24
    """
    with closing(_looks(local_settings(settings, home))) as looks:
        found = looks.latencies(timedelta(hours=hours))
    print_json({"objects": [each.as_json() for each in found]}) if as_json else OUT.print(latency_page(found))


def _looks(settings: Settings) -> WritebackQueries:
    return WritebackQueries(operational_address(settings.operational))
