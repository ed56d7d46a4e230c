"""tidegate sandbox faults, dials, clock, reset, neighbour: the running org's handles. Each prints
what the org answers.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.language.grammar import CommandApp
from cli.local.sandbox import answered, app
from cli.options import DEFAULT_HOME, Home
from cli.output import print_json
from cli.state import control_url
from schemas.errors import SettingsError

faults_app = CommandApp(about="Scripted faults in the running org.\n\nExample: tidegate sandbox faults list")
app.add_typer(faults_app, name="faults")


@faults_app.command("list")
def list_faults(home: Home = DEFAULT_HOME) -> None:
    """The faults in force with how often each struck, and every kind there is with what it does.

    Example: tidegate sandbox faults list
    """
    print_json(_ask(home, "GET", "faults"))


@faults_app.command("add")
def add_fault(
    point: Annotated[str, typer.Argument(help="Where: http, row, bulk.job, bulk.page, event or stream.")],
    kind: Annotated[str, typer.Argument(help="What; `faults list` names the kinds of each point.")],
    match: Annotated[str, typer.Option(help="Only where this text is in the call, object or channel.")] = "",
    probability: Annotated[float, typer.Option(min=0, max=1, help="Of each occasion.")] = 1,
    times: Annotated[int | None, typer.Option(min=1, help="How often at most.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Occasions that pass first.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="For kinds that take time.")] = 0,
    status: Annotated[int | None, typer.Option(min=400, max=599, help="HTTP status.")] = None,
    code: Annotated[str | None, typer.Option(help="Salesforce's error code.")] = None,
    message: Annotated[str | None, typer.Option(help="The sentence that goes with it.")] = None,
    retry_after: Annotated[int | None, typer.Option(min=0, help="Seconds that Retry-After names.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed strikes at the same occasions.")] = 1,
    home: Home = DEFAULT_HOME,
) -> None:
    """Add one fault.

    Example: tidegate sandbox faults add http reset_after --match "POST /services/data" --times 3
    """
    rule = {
        "point": point,
        "kind": kind,
        "match": match,
        "probability": probability,
        "times": times,
        "after": after,
        "seconds": seconds,
        "seed": seed,
    }
    chosen = {"status": status, "code": code, "message": message, "retry_after": retry_after}
    rule |= {name: value for name, value in chosen.items() if value is not None}
    print_json(_ask(home, "POST", "faults", rule)["rules"])


@faults_app.command("clear")
def clear_faults(home: Home = DEFAULT_HOME) -> None:
    """End all faults.

    Example: tidegate sandbox faults clear
    """
    print_json(_ask(home, "DELETE", "faults")["rules"])


@app.command()
def dials(
    turns: Annotated[
        list[str] | None, typer.Argument(help="FAMILY.DIAL=VALUE; none only shows them.")
    ] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show the org's dials, after turning those that are named.

    Example: tidegate sandbox dials bulk.hold=true records.query_delay_seconds=2
    """
    wanted: dict[str, dict[str, object]] = {}
    for turn in turns or []:
        family, name, value = _turn(turn)
        wanted.setdefault(family, {})[name] = value
    print_json(_ask(home, "PATCH", "dials", wanted) if wanted else _ask(home, "GET", "dials"))


@app.command()
def clock(
    advance: Annotated[float, typer.Option(min=0, help="Seconds that pass at once.")] = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Tell the org's time, after letting some of it pass.

    Example: tidegate sandbox clock --advance 259200
    """
    body = {"advance_seconds": advance}
    print_json(_ask(home, "POST", "clock", body) if advance else _ask(home, "GET", "clock"))


@app.command()
def reset(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask.", prompt="Delete every record and event of the org?")
    ],
    home: Home = DEFAULT_HOME,
) -> None:
    """Empty the org and end its problems; identity, sessions and clock stay.

    Example: tidegate sandbox reset --yes
    """
    if not yes:
        raise SettingsError("Nothing was reset.")
    print_json(_ask(home, "POST", "reset"))


@app.command()
def neighbour(
    calls_per_minute: Annotated[
        float | None, typer.Option(min=0, help="0 stops it; without it the present one is shown.")
    ] = None,
    long_calls: Annotated[int, typer.Option(min=0, help="Calls of 20 s that it has under way.")] = 0,
    wave: Annotated[float, typer.Option(min=0, max=1, help="How far the rate swings.")] = 0,
    period_seconds: Annotated[float, typer.Option(min=0.001, help="Of one swing.")] = 3_600,
    seed: Annotated[int, typer.Option(help="The same seed strays alike.")] = 1,
    home: Home = DEFAULT_HOME,
) -> None:
    """Another application that spends API calls of the same quota.

    Example: tidegate sandbox neighbour --calls-per-minute 40 --wave 0.5
    """
    if calls_per_minute is None:
        answer = _ask(home, "GET", "neighbour")
    elif calls_per_minute == 0:
        answer = _ask(home, "DELETE", "neighbour")
    else:
        plan = {
            "calls_per_minute": calls_per_minute,
            "long_calls": long_calls,
            "wave": wave,
            "period_seconds": period_seconds,
            "seed": seed,
        }
        answer = _ask(home, "POST", "neighbour", plan)
    print_json(answer)


def _ask(home: Path, method: str, path: str, body: object = None) -> Any:
    url = f"{control_url(home)}/{path}"
    return answered(lambda http: http.request(method, url, json=body)).json()


def _turn(text: str) -> tuple[str, str, object]:
    """Family, dial and value of `bulk.hold=true`."""
    path, equals, value = text.partition("=")
    family, dot, name = path.partition(".")
    if not (equals and dot and family and name):
        raise SettingsError(f"A dial is turned by FAMILY.DIAL=VALUE, such as bulk.hold=true, not {text!r}.")
    try:
        return family, name, json.loads(value)
    except ValueError:
        raise SettingsError(
            f"{value!r} is no value for {path}: give a number, true, false or null."
        ) from None
