"""`tidegate`: the commands, and how their errors end."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from cli import (
    api,
    audit,
    budget,
    catalogue,
    config,
    doctor,
    drift,
    lane,
    metrics,
    quality,
    quarantine,
    refresh,
    trace,
    worker,
)
from cli.backfill import commands as backfill
from cli.grammar import CommandApp, Panel
from cli.local import demo, sandbox, sandbox_org, up
from cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_UNAVAILABLE, TALK
from cli.planner import commands as planner, plan
from cli.reconcile import commands as reconcile
from cli.replay import commands as replay
from cli.status import command as status
from cli.version import version_text
from cli.writeback import commands as writeback
from clients.temporal.runs import RunExistsError
from schemas.errors import (
    ActRefusedError,
    RunAlreadyCompletedError,
    RunConflictError,
    SettingsError,
    TidegateError,
    TransientError,
    UnknownObjectError,
)

_COMMANDS: dict[Panel, dict[str, CommandApp | Callable[..., None]]] = {
    Panel.LOOK: {
        "status": status.status,
        "trace": trace.trace,
        "budget": budget.budget,
        "plan": plan.plan,
        "quality": quality.app,
        "audit": audit.app,
        "drift": drift.drift,
    },
    Panel.REPAIR: {
        "reconcile": reconcile.app,
        "backfill": backfill.app,
        "refresh": refresh.refresh,
        "replay": replay.app,
        "quarantine": quarantine.app,
    },
    Panel.HOLD: {
        "lane": lane.app,
        "planner": planner.app,
        "writeback": writeback.app,
    },
    Panel.RUN: {
        "worker": worker.worker,
        "api": api.app,
        "metrics": metrics.metrics,
        "catalogue": catalogue.app,
        "config": config.app,
        "doctor": doctor.doctor,
    },
    Panel.LOCAL: {
        "demo": demo.demo,
        "up": up.up,
        "sandbox": sandbox.app,
    },
}
app = CommandApp(
    about="Keeps a warehouse equal to a Salesforce org within two minutes, and proves it.\n\nExample: tidegate status --watch",
    name="tidegate",
    order=tuple(name for commands in _COMMANDS.values() for name in commands),
    pretty_exceptions_enable=False,
)


def _add_all() -> None:
    """Every command, in the group of the help where it is looked for."""
    for panel, commands in _COMMANDS.items():
        for name, command in commands.items():
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name, rich_help_panel=panel)
            else:
                app.command(name, rich_help_panel=panel)(command)
    sandbox.app.add_typer(sandbox_org.faults_app, name="faults")
    for command in (sandbox_org.dials, sandbox_org.clock, sandbox_org.reset, sandbox_org.neighbour):
        sandbox.app.command(command.__name__)(command)


_add_all()

_debug = False


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error came from.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Print the version, and the commit where it is known.",
        ),
    ] = False,
) -> None:
    """Keeps a warehouse equal to a Salesforce org within two minutes, and proves it.

    Example: tidegate status --watch
    """
    global _debug
    _debug = debug


def main() -> None:
    """Run the command line; errors of ours become a sentence and an exit code."""
    _leave(_run())


def _run() -> int:
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED if ended.code else 0
    except TidegateError as error:
        if _debug:
            raise
        TALK.print(f"[bold red]Error:[/] {escape(str(error))}", markup=True)
        return _exit_code(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter down.

    A thread of the Temporal SDK that is still handing back its last answer would abort it then:
    one short command in five ended with SIGABRT after it had done its work
    (temporalio/sdk-python issue 300, open).
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(code)


_REFUSED = (
    ActRefusedError,
    RunAlreadyCompletedError,
    RunConflictError,
    RunExistsError,
    SettingsError,
    UnknownObjectError,
)
"""Errors of a command that cannot be done as it was typed."""


def _exit_code(error: TidegateError) -> int:
    if isinstance(error, _REFUSED):
        return EXIT_REFUSED
    return EXIT_UNAVAILABLE if isinstance(error, TransientError) else EXIT_FAILED


if __name__ == "__main__":
    main()
