"""`tidegate`: the commands, and how their errors end."""

import logging
import os
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from cli import (
    api,
    audit,
    budget,
    catalogue,
    doctor,
    drift,
    plan,
    quality,
    quarantine,
    reconcile,
    refresh,
    sandbox,
    sandbox_org,
    trace,
    worker,
)
from cli.backfill import commands as backfill
from cli.local import demo, up
from cli.output import EXIT_FAILED, EXIT_REFUSED, EXIT_UNAVAILABLE, TALK
from cli.replay import commands as replay
from cli.status import command as status
from cli.version import version_text
from cli.writeback import commands as writeback
from schemas.errors import (
    RunAlreadyCompletedError,
    RunConflictError,
    SettingsError,
    TidegateError,
    TransientError,
    UnknownObjectError,
)

app = typer.Typer(
    name="tidegate",
    help="Keeps a warehouse equal to a Salesforce org within two minutes, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("budget")(budget.budget)
app.command("plan")(plan.plan)
app.command("reconcile")(reconcile.reconcile)
app.command("drift")(drift.drift)
app.command("refresh")(refresh.refresh)
app.command("trace")(trace.trace)
app.command("worker")(worker.worker)
sandbox.app.add_typer(sandbox_org.faults_app, name="faults")
sandbox.app.command("dials")(sandbox_org.dials)
sandbox.app.command("clock")(sandbox_org.clock)
sandbox.app.command("reset")(sandbox_org.reset)
sandbox.app.command("neighbour")(sandbox_org.neighbour)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(backfill.app, name="backfill")
app.add_typer(audit.app, name="audit")
app.add_typer(api.app, name="api")
app.add_typer(replay.app, name="replay")
app.add_typer(quality.app, name="quality")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(writeback.app, name="writeback")

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
    """Keeps a warehouse equal to a Salesforce org within two minutes, and proves it."""
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
        TALK.print(f"[bold red]Error:[/] {error}", markup=True)
        return _exit_code(error)
    except KeyboardInterrupt:
        return 130
    return 0


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter down.

    A thread of the Temporal SDK that is still handing back its last answer would abort it then: one short command in
    five ended with SIGABRT after it had done its work (temporalio/sdk-python issue 300, open).
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(code)


_REFUSED = (SettingsError, UnknownObjectError, RunAlreadyCompletedError, RunConflictError)
"""The command line asks for something that cannot be done."""


def _exit_code(error: TidegateError) -> int:
    if isinstance(error, _REFUSED):
        return EXIT_REFUSED
    return EXIT_UNAVAILABLE if isinstance(error, TransientError) else EXIT_FAILED


if __name__ == "__main__":
    main()
