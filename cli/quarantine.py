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

from cli.language.grammar import CommandApp
from cli.options import (
    DEFAULT_HOME,
    By,
    Detach,
    Everything,
    Home,
    Most,
    NeededReason,
    OfObject,
    Reason,
    SettingsFile,
    acting_user,
)
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.quality import quality_acts
from cli.replay.commands import run_replay
from cli.state import local_settings
from cli.stores import audit_log
from clients.warehouse import Transaction
from clients.warehouse.sql import replay as sql
from schemas.errors import SettingsError
from schemas.replay import QuarantineChoice, ReplayInput, ReplaySelection
from schemas.run_names import replay_name
from transforms.ingest.decode_events import REASONS
from workers.clients import open_warehouse
from workers.settings import Settings
from workers.value_readings import READ_QUARANTINE, on_record

app = CommandApp(
    about="Look at changes that do not fit, and have them tried again.\n\nExample: tidegate quarantine list",
)

OfCause = Annotated[
    str | None, typer.Option("--because", help=f"Only those refused as one of {', '.join(REASONS)}.")
]
OfBatch = Annotated[str | None, typer.Option("--batch", help="Only this batch, as `list` names it.")]

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
    because: OfCause = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    most: Most = 20,
    everything: Annotated[bool, typer.Option("--all", help="Also what was acknowledged.")] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """List what waits in quarantine: counts by object and cause, and the oldest rows.

    Example: tidegate quarantine list --because unknown_field
    """
    chosen = _chosen(because, object_name, batch)
    with _asking(local_settings(settings, home)) as transaction:
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
    home: Home = DEFAULT_HOME,
) -> None:
    """Show one refused change with its event, as it was landed. Personal and unknown values stay
    encrypted. The reading is recorded.

    Example: tidegate quarantine show changes/123456 3
    """
    loaded = local_settings(settings, home)
    target = f"quarantine/{loaded.salesforce.org_id}/{batch}/{ordinal}"
    with _asking(loaded) as transaction, audit_log(loaded) as log:
        found = on_record(
            log,
            READ_QUARANTINE,
            target,
            acting_user(""),
            "by `tidegate quarantine show`",
            lambda: _row(transaction, batch, ordinal),
        )
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
    because: OfCause = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    everything: Everything = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Replay the batches of the chosen rows. What fits now is applied, the rest stays. The workers
    must have the new catalogue.

    Example: tidegate quarantine redrive --object Case --because unknown_field
    """
    _choice(because, object_name, batch, reason, everything=everything)
    loaded = local_settings(settings, home)
    selection = ReplaySelection(
        org=loaded.salesforce.org_id,
        object=object_name,
        quarantine=QuarantineChoice(reason=because, batch=batch),
    )
    request = ReplayInput(selection=selection, key=replay_name(selection), by=acting_user(by), reason=reason)
    run_replay(loaded, request, again=True, detach=detach, as_json=as_json)


@app.command("acknowledge")
def acknowledge(
    reason: NeededReason,
    because: OfCause = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that the chosen rows need no more care. They stay on record, and are not counted as
    waiting any more.

    Example: tidegate quarantine acknowledge --because broken_message --reason "the proxy was
    fixed"
    """
    choice = _choice(because, object_name, batch, reason)
    with quality_acts(local_settings(settings, home)) as acts:
        count = acts.acknowledge_quarantine(**choice, by=acting_user(by), why=reason)
    _tell_count(count, "acknowledged", as_json=as_json)


@app.command("discard")
def discard(
    reason: NeededReason,
    because: OfCause = None,
    object_name: OfObject = None,
    batch: OfBatch = None,
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Give up the chosen rows: they are answered, never redriven again, and shown only by `show`
    and `trace`.

    Example: tidegate quarantine discard --batch changes/123456 --reason "test data"
    """
    choice = _choice(because, object_name, batch, reason)
    with quality_acts(local_settings(settings, home)) as acts:
        count = acts.discard_quarantine(**choice, by=acting_user(by), why=reason)
    _tell_count(count, "discarded", as_json=as_json)


def _choice(
    because: str | None, object_name: str | None, batch: str | None, reason: str, *, everything: bool = False
) -> dict[str, str]:
    """The chosen parts; raises `SettingsError` when there are none."""
    _chosen(because, object_name, batch)
    if not (everything or because or object_name or batch):
        if reason in REASONS:
            raise SettingsError(
                f"--reason says why you do it. To choose the changes that were refused as {reason}: --because {reason}."
            )
        raise SettingsError("Nothing was chosen. Give --because, --object or --batch.")
    return {"reason": because or "", "object_name": object_name or "", "batch": batch or ""}


def _tell_count(count: int, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({done: count})
    else:
        say(f"{count:,} changes are {done}." if count else "Nothing of that waits in quarantine.")


@contextmanager
def _asking(settings: Settings) -> Iterator[Transaction]:
    with closing(open_warehouse(settings)) as warehouse, warehouse.transaction() as transaction:
        yield transaction


def _chosen(because: str | None, object_name: str | None, batch: str | None) -> list[str]:
    """Parameters of the statements: each part twice, empty for any."""
    if because is not None and because not in REASONS:
        raise SettingsError(f"--because: {because!r} is none of {', '.join(REASONS)}. Correct it.")
    return [part for each in (because, object_name, batch) for part in (each or "", each or "")]


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
