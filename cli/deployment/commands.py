"""tidegate deployment show, set-current, ramp, move: releases of the workers that run side by
side.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Annotated, TypeVar

import typer

from cli.deployment.output import deployment_page
from cli.language.grammar import CommandApp
from cli.options import LookOptions, ReasonedActOptions
from cli.output import OUT, print_json, say
from clients.database.audit_log import AuditLog
from clients.temporal.deployments import DeploymentClient
from schemas.deployment import DeploymentStatus
from schemas.errors import SettingsError
from workers.addresses import operational_address
from workers.clients import connect_temporal
from workers.deployment.acts import DeploymentActs
from workers.deployment.version import deployment_name
from workers.settings import Settings

T = TypeVar("T")

app = CommandApp(
    about="Show the versions of the workers, and move the work to another one.\n\nExample: tidegate deployment show",
)

BuildId = Annotated[
    str, typer.Argument(metavar="BUILD_ID", help="Version of the workers, as `show` names it: a commit.")
]


@app.command("show")
def show(options: LookOptions) -> None:
    """Show each version: its state, its workers by role, and the open runs that only they take.

    Example: tidegate deployment show --json
    """
    loaded = options.loaded()

    async def look() -> DeploymentStatus:
        return await (await _deployment(loaded)).describe()

    _tell(asyncio.run(look()), as_json=options.as_json)


@app.command("set-current")
def set_current(
    build_id: BuildId,
    options: ReasonedActOptions,
    force: Annotated[
        bool, typer.Option("--force", help="Also where its workers do not poll every task queue.")
    ] = False,
) -> None:
    """Give the work to a version. New runs, lanes and long runs go on with its workers; open
    batches end with those of the old one.

    Example: tidegate deployment set-current 1a2b3c4 --reason "release 0.2.0"
    """
    found = _act(
        options.loaded(),
        lambda acts: acts.set_current(
            build_id, by=options.actor, reason=options.reason, despite_missing=force
        ),
    )
    if not options.as_json:
        say("Let the old workers run until `tidegate deployment show` names no pinned run of theirs.")
    _tell(found, as_json=options.as_json)


@app.command("ramp")
def ramp(
    build_id: BuildId,
    percent: Annotated[float, typer.Argument(min=0, max=100, help="Share of the work; 0 ends the ramp.")],
    options: ReasonedActOptions,
) -> None:
    """Give a share of the work to a version, by workflow id. The rest stays with the current one.

    Example: tidegate deployment ramp 1a2b3c4 10 --reason "release 0.2.0, carefully"
    """
    by, reason = options.actor, options.reason
    found = _act(options.loaded(), lambda acts: acts.ramp(build_id, percent, by=by, reason=reason))
    _tell(found, as_json=options.as_json)


@app.command("move")
def move(build_id: BuildId, options: ReasonedActOptions) -> None:
    """Let open batches of a version go on in the current one: its workers are gone, or have the
    fault that the current one corrects.

    Example: tidegate deployment move 1a2b3c4 --reason "its workers are gone"
    """
    by, reason = options.actor, options.reason
    moved = _act(options.loaded(), lambda acts: acts.move(build_id, by=by, reason=reason))
    if options.as_json:
        print_json(moved.model_dump(mode="json"))
    else:
        say(f"{moved.moved:,} runs of {build_id} go on in the current version.")


def _tell(found: DeploymentStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        OUT.print(deployment_page(found))


def _act(settings: Settings, act: Callable[[DeploymentActs], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _acts(settings) as acts:
            return await act(acts)

    return asyncio.run(run())


@asynccontextmanager
async def _acts(settings: Settings) -> AsyncIterator[DeploymentActs]:
    with closing(AuditLog(operational_address(settings.operational))) as audit:
        yield DeploymentActs(await _deployment(settings), audit)


async def _deployment(settings: Settings) -> DeploymentClient:
    name = deployment_name(settings)
    if name is None:
        raise SettingsError(
            "Worker versioning is off: any worker takes any work. Set TIDEGATE_DEPLOYMENT__ON=true for the "
            "workers and for this command."
        )
    return DeploymentClient(await connect_temporal(settings), name)
