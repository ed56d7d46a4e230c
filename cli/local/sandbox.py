"""tidegate sandbox …: the remote systems on this machine."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Annotated

import httpx
import typer

from cli.language.grammar import CommandApp
from cli.local.sandbox_packages import require_sandbox_packages
from cli.local.watch import watching
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, progress_bar, say
from cli.state import control_url, local_settings, write_endpoints
from sandbox.endpoints import Endpoints
from schemas.errors import SettingsError, UnavailableError

app = CommandApp(
    about="Run Salesforce, S3, KMS, PostgreSQL and Temporal here.\n\nExample: tidegate sandbox up",
)

MOST_CHANGES_A_MINUTE = 240_000


_Fresh = Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run left.")]
_AllAsJson = Annotated[
    bool, typer.Option("--json", help="Print every endpoint and credential as one object.")
]
_Edition = Annotated[
    str, typer.Option("--edition", help="The org's limits: developer, enterprise or unlimited.")
]
_Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", metavar="METER=N", help="An allocation that is not the edition's; may be repeated."
    ),
]


@app.command("up")
def up(
    home: Home = DEFAULT_HOME,
    fresh: _Fresh = False,
    as_json: _AllAsJson = False,
    edition: _Edition = "unlimited",
    allow: _Allow = None,
    salesforce_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    salesforce_tls_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    pubsub_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    s3_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    postgres_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    temporal_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    temporal_ui_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
) -> None:
    """Start the sandbox alone and stay in the foreground until Ctrl-C or SIGTERM.

    Example: tidegate sandbox up --json --home var/sandbox
    """
    require_sandbox_packages("tidegate sandbox up")
    from sandbox.stack import Ports, running_sandbox

    stop = stop_event()
    org = (salesforce_port, salesforce_tls_port, pubsub_port)
    ports = Ports(*org, s3_port, postgres_port, temporal_port, temporal_ui_port)
    allowed = _allowances(allow or [])
    with running_sandbox(home.resolve(), ports=ports, fresh=fresh, edition=edition, allow=allowed) as sandbox:
        endpoints = sandbox.endpoints
        write_endpoints(home, endpoints)
        if as_json:
            print_json(endpoints.model_dump())
        else:
            show_endpoints(endpoints)
        with watching(sandbox.group):
            stop.wait()
        say("stopping the sandbox")


@app.command("traffic")
def traffic(
    rate: Annotated[int, typer.Option(min=1, max=MOST_CHANGES_A_MINUTE, help="Changes a minute.")] = 6_000,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same choices.")] = 1,
    old_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of the changes that hit any of the records there are already."),
    ] = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make the running sandbox's org busy: an enrolment window's changes at a chosen rate.

    Example: tidegate sandbox traffic --rate 120000 --seconds 120
    """
    control = control_url(home)
    start_traffic(control, rate=rate, seconds=seconds, seed=seed, old_share=old_share)
    with progress_bar(f"{rate:,} changes a minute", seconds) as bar:
        while (now := traffic_state(control))["running"]:
            bar.update(completed=now["elapsed_seconds"], detail=f"{now['sent']:,} changes sent")
            time.sleep(0.5)
    print_json(traffic_state(control))


@app.command("compare")
def compare(
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Compare every record of the running sandbox's org with its curated row, field by field. Exits
    1 when one differs. Against a real org that is `tidegate reconcile`.

    Example: tidegate sandbox compare
    """
    from cli.local.compare_records import compare_engine

    found = compare_engine(control_url(home), local_settings(settings, home))
    if as_json:
        print_json({"records": found.records, "different": found.different, "shown": found.shown})
    else:
        for sentence in found.shown:
            OUT.print(sentence, markup=False)
        OUT.print(f"{found.records:,} records compared, {found.different:,} differ")
    if found.different:
        raise typer.Exit(EXIT_FAILED)


def _allowances(pairs: list[str]) -> dict[str, int]:
    found = {}
    for name, _, maximum in (pair.partition("=") for pair in pairs):
        if not maximum.isdigit():
            raise SettingsError(f"--allow takes METER=N, such as delivered_events=4500000, not {name!r}.")
        found[name] = int(maximum)
    return found


def start_traffic(control_url: str, *, rate: int, seconds: float, seed: int, old_share: float = 0) -> None:
    """Start the traffic maker; `old_share` as of `sandbox.org.traffic.plan.TrafficPlan`."""
    body = {"rate_per_minute": rate, "seconds": seconds, "seed": seed, "old_share": old_share}
    answered(lambda http: http.post(f"{control_url}/traffic", json=body))


def traffic_state(control_url: str) -> dict[str, float]:
    """running, sent, target, elapsed_seconds, rate_per_minute."""
    state: dict[str, float] = answered(lambda http: http.get(f"{control_url}/traffic")).json()
    return state


def stop_event() -> threading.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = threading.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    return stop


def show_endpoints(endpoints: Endpoints) -> None:
    """Where everything is, for a person."""
    org = endpoints.salesforce
    OUT.print(f"Salesforce   {org.login_url}   user {org.username}   a page about it: {org.control_url}")
    OUT.print(f"  over TLS   {org.tls_login_url}   CA {org.ca_file}")
    OUT.print(f"  Pub/Sub    {org.pubsub_endpoint}")
    OUT.print(f"Temporal UI  {endpoints.temporal.ui_url}")
    OUT.print(f"warehouse    {endpoints.warehouse.dsn}")
    if endpoints.warehouse.redshift is not None:
        OUT.print(f"  Redshift   {endpoints.warehouse.redshift.dsn}")
    OUT.print(f"S3 and KMS   {endpoints.s3.endpoint_url}   bucket {endpoints.s3.bucket}")


def answered(call: Callable[[httpx.Client], httpx.Response]) -> httpx.Response:
    """The org's answer; raises `UnavailableError` without one and `SettingsError` for a refusal."""
    try:
        with httpx.Client(timeout=30, trust_env=False) as http:
            response = call(http)
    except httpx.HTTPError as error:
        raise UnavailableError(system="the sandbox org", detail=str(error)) from error
    if response.is_client_error:
        raise SettingsError(f"The sandbox org refuses: {response.text[:500]}")
    response.raise_for_status()
    return response
