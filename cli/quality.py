"""tidegate quality: scorecards, findings and holds, and what operators do with them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Most, NeededReason, ObjectName, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from cli.stores import audit_log
from schemas.quality_views import FindingChoice, FindingGroup, FindingRow, HoldView, ScoreRow
from workers.clients import decided_catalogue, open_warehouse
from workers.quality import DAYS, QualityActs, QualityLooks
from workers.security.personal_data import find_personal_data
from workers.settings import Settings

_SHOW = "show"


app = CommandApp(
    about="Show scorecards, open findings and holds, and act on them.\n\nExample: tidegate quality Case",
    usual=_SHOW,
    meant_alone=True,
)

AnyObject = Annotated[str, typer.Argument(metavar="[OBJECT]", help="API name, as Case; left out: every one.")]
OfRule = Annotated[str, typer.Option("--rule", help="Only this rule, as `values`.")]
OfField = Annotated[str, typer.Option("--field", help="Only this field, by its API name.")]
OfRecord = Annotated[str, typer.Option("--record", help="Only this record, by its 18-character id.")]


@app.command(_SHOW)
def show(
    object_name: AnyObject = "",
    days: Annotated[
        int, typer.Option("--days", min=1, help="Of the scorecards, today (UTC) included.")
    ] = DAYS,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show scorecards, open findings by field and rule, and what is held.

    Example: tidegate quality Case
    """
    with _looks(local_settings(settings, home)) as looks:
        scores = looks.scorecard(object_name, days)
        groups = looks.groups(FindingChoice(object=object_name))
        held = [each for each in looks.holds() if object_name in ("", each.object)]
    if as_json:
        print_json(
            {
                "scorecard": [each.model_dump() for each in scores],
                "groups": [each.model_dump() for each in groups],
                "holds": [each.model_dump() for each in held],
            }
        )
    else:
        OUT.print(_page(scores, groups, held))


@app.command("list")
def list_findings(
    object_name: AnyObject = "",
    rule: OfRule = "",
    field: OfField = "",
    record: OfRecord = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are acknowledged or resolved.")
    ] = False,
    most: Most = 50,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """List findings one by one, those seen last first.

    Example: tidegate quality list Case --rule parent
    """
    choice = FindingChoice(object=object_name, rule=rule, field=field, record_id=record)
    with _looks(local_settings(settings, home)) as looks:
        rows = looks.findings(choice, most, everything=everything)
    if as_json:
        print_json([each.model_dump() for each in rows])
    else:
        OUT.print(_listed(rows))


@app.command("acknowledge")
def acknowledge(
    object_name: ObjectName,
    reason: NeededReason,
    rule: OfRule = "",
    field: OfField = "",
    record: OfRecord = "",
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that open findings need no more care. They stay on record, and `status` does not count
    them.

    Example: tidegate quality acknowledge Case --rule values --field Status --reason "the list is
    being extended"
    """
    choice = FindingChoice(object=object_name, rule=rule, field=field, record_id=record)
    with quality_acts(local_settings(settings, home)) as acts:
        count = acts.acknowledge(choice, by=acting_user(by), reason=reason)
    _tell(count, f"{count:,} findings are acknowledged.", as_json=as_json)


@app.command("redrive")
def redrive(
    object_name: ObjectName,
    reason: NeededReason,
    rule: OfRule = "",
    field: OfField = "",
    record: OfRecord = "",
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Have the records of open findings read from the org once more: what is wrong no more is
    resolved by what comes.

    Example: tidegate quality redrive Case --rule too_long --reason "the field was made longer"
    """
    choice = FindingChoice(object=object_name, rule=rule, field=field, record_id=record)
    with quality_acts(local_settings(settings, home)) as acts:
        count = acts.redrive(choice, by=acting_user(by), reason=reason)
    _tell(count, f"{count:,} records are on the list of what is to be read again.", as_json=as_json)


@app.command("release")
def release(
    object_name: ObjectName,
    reason: NeededReason,
    as_json: AsJson = False,
    by: By = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let the batches of a held object be applied. What breaks rules of severity `reject` goes to
    quarantine.

    Example: tidegate quality release Case --reason "the import was as it should be"
    """
    with quality_acts(local_settings(settings, home)) as acts:
        count = acts.release(object_name, by=acting_user(by), reason=reason)
    _tell(count, f"{object_name} is released; its batches are applied within a minute.", as_json=as_json)


@app.command("scan")
def scan(
    object_name: AnyObject = "",
    most: Annotated[int, typer.Option("--most", min=1, help="Records of each object looked at.")] = 1_000,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Search clear texts of the warehouse for what looks like personal data: e-mail addresses,
    Social Security, phone and card numbers. Names fields and counts, never a value.

    Ends with 1 when something was found.

    Example: tidegate quality scan Case --most 10000
    """
    loaded = local_settings(settings, home)
    with closing(open_warehouse(loaded)) as warehouse:
        catalogue = decided_catalogue(loaded, warehouse)
        found = find_personal_data(warehouse, catalogue, object_name=object_name, most=most)
    if as_json:
        print_json([each.model_dump() for each in found])
    elif found:
        table = Table("object", "field", "looks like", "values", "of", box=None)
        for each in found:
            table.add_row(each.object, each.field, each.looks, f"{each.found:,}", f"{each.sampled:,}")
        OUT.print(table)
        say("Declare these fields `pii: personal` or `sensitive` in the catalogue.")
    else:
        OUT.print("no clear text of these records looks personal")
    if found:
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def quality_acts(settings: Settings) -> Iterator[QualityActs]:
    """Operator acts, which are recorded."""
    with closing(open_warehouse(settings)) as warehouse, audit_log(settings) as audit:
        yield QualityActs(warehouse, audit)


@contextmanager
def _looks(settings: Settings) -> Iterator[QualityLooks]:
    with closing(open_warehouse(settings)) as warehouse:
        yield QualityLooks(warehouse)


def _tell(count: int, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"rows": count})
    else:
        say(words if count else "Nothing of that is open. `tidegate quality` shows what is.")
    if not count:
        raise typer.Exit(EXIT_FAILED)


def _page(scores: list[ScoreRow], groups: list[FindingGroup], held: list[HoldView]) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{each.object} is HELD since {_time(each.held_at)}: {each.reason}", style="bold red")
        for each in held
    ]
    card = Table(
        "object", "field", "rule", "day", "checked", "failed", "%", "7 days before", "open", box=None
    )
    for each in scores:
        numbers = (f"{each.checked:,}", f"{each.failed:,}", _percent(each.percent))
        card.add_row(
            each.object,
            each.field,
            each.rule,
            str(each.day),
            *numbers,
            _percent(each.percent_before),
            f"{each.failed_now:,}",
        )
    parts.append(card if scores else Text("nothing has been checked in these days"))
    return Group(*parts, Text(), _groups(groups))


def _groups(groups: list[FindingGroup]) -> RenderableType:
    if not groups:
        return Text("nothing is open")
    table = Table(
        "object",
        "field",
        "rule",
        "weight",
        "open",
        "acknowledged",
        "first seen",
        "last seen",
        "what",
        box=None,
    )
    for each in groups:
        table.add_row(
            each.object,
            each.field,
            each.rule,
            each.state or each.severity,
            f"{each.findings:,}",
            f"{each.acknowledged:,}",
            _time(each.first_seen_at),
            _time(each.last_seen_at),
            Text(each.detail),
        )
    return table


def _listed(rows: list[FindingRow]) -> RenderableType:
    if not rows:
        return Text("nothing of that is open")
    table = Table("object", "record", "field", "rule", "weight", "last seen", "stands", "what", box=None)
    for each in rows:
        stands = "resolved" if each.resolved_at else "acknowledged" if each.acknowledged_at else "open"
        table.add_row(
            each.object,
            each.record_id or "(the field)",
            each.field,
            each.rule,
            each.state or each.severity,
            _time(each.last_seen_at),
            stands,
            Text(each.detail),
        )
    return table


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
