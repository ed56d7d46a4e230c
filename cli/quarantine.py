"""tidegate quarantine: changes that do not fit, and having them tried again."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.options import By, Reason, SettingsFile, who
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.quality import quality_acts
from cli.replay.commands import run
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.warehouse import Transaction
from clients.warehouse.sql import replay as sql
from schemas.errors import SettingsError
from schemas.replay import QuarantineChoice, ReplayInput, ReplaySelection, replay_key
from transforms.ingest.decode_events import REASONS
from workers.clients import open_warehouse
from workers.settings import Settings

app = typer.Typer(help="Changes that do not fit, and having them tried again.", no_args_is_help=True)

OfReason = Annotated[str | None, typer.Option("--reason", help=f"One of {', '.join(REASONS)}.")]
OfObject = Annotated[str | None, typer.Option("--object", help="One object, by its name as received.")]
OfBatch = Annotated[str | None, typer.Option("--batch", help="One batch, as `list` names it.")]

_ROW = (
    "batch",
    "ordinal",
    "object",
    "record_id",
    "position",
    "reason",
    "detail",
    "received_at",
    "quarantined_at",
)


@app.command("list")
def list_rows(
    reason: OfReason = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    most: Annotated[int, typer.Option(min=1, help="Rows shown one by one; all are counted.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Also what was acknowledged.")] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Show quarantine: counts by object and reason, and the oldest rows.

    Example: tidegate quarantine list --reason unknown_field
    """
    chosen = _chosen(reason, object_name, batch)
    with _asking(settings_of_state(settings, state)) as transaction:
        counts = transaction.fetch(sql.count_quarantine(acknowledged=everything), chosen)
        rows = transaction.fetch(sql.list_quarantine(most, acknowledged=everything), chosen)
    if as_json:
        groups = [
            dict(zip(("object", "reason", "changes", "batches", "oldest"), row, strict=True))
            for row in counts
        ]
        print_json({"groups": groups, "rows": [dict(zip(_ROW, row, strict=True)) for row in rows]})
    else:
        OUT.print(_page(counts, rows))


@app.command("show")
def show_row(
    batch: Annotated[str, typer.Argument(help="The batch, as `list` names it.")],
    ordinal: Annotated[int, typer.Argument(help="The row's place in the batch, as `list` names it.")],
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """One refused change with its event, as it was landed: personal and unknown values stay encrypted.

    Example: tidegate quarantine show changes/123456 3
    """
    with _asking(settings_of_state(settings, state)) as transaction:
        found = _row(transaction, batch, ordinal)
    if found is None:
        say(f"Quarantine has no row {batch} {ordinal}. `tidegate quarantine list` shows what it has.")
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json(found)
        return
    event = found.pop("event")
    for name, value in found.items():
        OUT.print(f"{name:>14}  {_text(value)}", markup=False)
    OUT.print_json(json.dumps(event))


@app.command("redrive")
def redrive(
    reason: OfReason = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever waits.")] = False,
    follows: Annotated[bool, typer.Option("--follow", help="Stay until it has ended.")] = False,
    as_json: AsJson = False,
    by: By = "",
    why: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Replay the batches of the chosen rows: what fits now is applied, the rest stays. The workers must have the new catalogue.

    Example: tidegate quarantine redrive --object Case --reason unknown_field --follow
    """
    if not everything and reason is None and object_name is None and batch is None:
        raise SettingsError("Nothing was chosen. Say what to redrive: --reason, --object, --batch; or --all.")
    _chosen(reason, object_name, batch)
    loaded = settings_of_state(settings, state)
    selection = ReplaySelection(
        org=loaded.salesforce.org_id,
        object=object_name,
        quarantine=QuarantineChoice(reason=reason, batch=batch),
    )
    request = ReplayInput(selection=selection, key=replay_key(selection), by=who(by), reason=why)
    run(loaded, request, only_once=False, follows=follows, as_json=as_json)


@app.command("acknowledge")
def acknowledge(
    why: Annotated[str, typer.Option("--why", help="Why they need no more care; goes on record.")],
    reason: OfReason = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Say that the chosen rows need no more care. They stay on record, and are not counted as waiting any more.

    Example: tidegate quarantine acknowledge --reason broken_message --why "the proxy was fixed, the records were read again"
    """
    if reason is None and object_name is None and batch is None:
        raise SettingsError("Nothing was chosen. Say what to acknowledge: --reason, --object or --batch.")
    _chosen(reason, object_name, batch)
    with quality_acts(settings_of_state(settings, state)) as acts:
        count = acts.acknowledge_quarantine(
            reason=reason or "", object_name=object_name or "", batch=batch or "", by=who(by), why=why
        )
    if as_json:
        print_json({"acknowledged": count})
    else:
        say(f"{count:,} changes are acknowledged." if count else "Nothing of that waits in quarantine.")


@contextmanager
def _asking(settings: Settings) -> Iterator[Transaction]:
    with closing(open_warehouse(settings)) as warehouse, warehouse.transaction() as transaction:
        yield transaction


def _chosen(reason: str | None, object_name: str | None, batch: str | None) -> list[str]:
    """Parameters of the statements: each part twice, empty for any."""
    if reason is not None and reason not in REASONS:
        raise SettingsError(f"--reason: {reason!r} is none of {', '.join(REASONS)}.")
    return [part for each in (reason, object_name, batch) for part in (each or "", each or "")]


def _row(transaction: Transaction, batch: str, ordinal: int) -> dict[str, Any] | None:
    rows = transaction.fetch(sql.find_quarantine_row(), [batch, ordinal])
    if not rows:
        return None
    *facts, event = rows[0]
    return {**dict(zip(_ROW, facts, strict=True)), "event": json.loads(event)}


def _page(counts: list[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> RenderableType:
    if not counts:
        return Text("quarantine has nothing of that")
    groups = Table("object", "reason", "changes", "batches", "oldest", box=None)
    for name, reason, changes, batches, oldest in counts:
        groups.add_row(name or "(unreadable)", reason, f"{changes:,}", f"{batches:,}", _text(oldest))
    listed = Table("batch", "ordinal", "record", "reason", "what", box=None)
    for batch, ordinal, name, record, _, reason, detail, *_ in rows:
        listed.add_row(batch, str(ordinal), f"{name} {record or ''}", reason, detail)
    total = sum(int(row[2]) for row in counts)
    return Group(groups, Text(), Text(f"the oldest {len(rows)} of {total:,}", style="bold"), listed)


def _text(value: object) -> str:
    return (
        f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else "" if value is None else str(value)
    )
