"""`tidegate`: the commands, and how their errors end."""

import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from cli.language.grammar import CommandApp, Panel
from cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_UNAVAILABLE, TALK
from cli.version import version_text
from clients.acting import command, install
from clients.telemetry.log_setup import set_up_logs
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
from schemas.settings.log import LogSettings

_COMMANDS: dict[Panel, dict[str, str]] = {
    Panel.LOOK: {
        "status": "cli.status.command:status",
        "fleet": "cli.fleet.command:app",
        "trace": "cli.trace:trace",
        "budget": "cli.budget:app",
        "plan": "cli.planner.plan:plan",
        "quality": "cli.quality:app",
        "audit": "cli.security.audit:app",
        "drift": "cli.drift:drift",
    },
    Panel.REPAIR: {
        "reconcile": "cli.reconcile.commands:app",
        "backfill": "cli.backfill.commands:app",
        "refresh": "cli.refresh:refresh",
        "replay": "cli.replay.commands:app",
        "quarantine": "cli.quarantine:app",
    },
    Panel.HOLD: {
        "lane": "cli.lane:app",
        "planner": "cli.planner.commands:app",
        "writeback": "cli.writeback.commands:app",
        "webhook": "cli.webhook.commands:app",
    },
    Panel.PROTECT: {
        "keys": "cli.security.keys:app",
        "retention": "cli.security.retention:app",
        "erase": "cli.security.erase.commands:app",
    },
    Panel.RUN: {
        "worker": "cli.worker:worker",
        "api": "cli.api:app",
        "metrics": "cli.metrics:metrics",
        "migrate": "cli.migrate:migrate",
        "deployment": "cli.deployment.commands:app",
        "warehouse": "cli.warehouse:app",
        "model": "cli.model.commands:app",
        "catalogue": "cli.catalogue:app",
        "config": "cli.config:app",
        "doctor": "cli.doctor:doctor",
    },
    Panel.LOCAL: {
        "demo": "cli.local.demo:demo",
        "up": "cli.local.up:up",
        "sandbox": "cli.local.sandbox_org:app",
    },
}
"""Command -> its module and name there. A module is imported when its command is asked for: all of
them take a second more.
"""
_NAMES = tuple(name for commands in _COMMANDS.values() for name in commands)


def command_app(only: str | None = None) -> CommandApp:
    """The command line. `only`: the one command that it is made for; None = all of them."""
    made = CommandApp(
        about="Keeps a warehouse equal to a Salesforce org within two minutes, and proves it.\n\nExample: tidegate status --watch",
        name="tidegate",
        order=_NAMES,
        pretty_exceptions_enable=False,
    )
    made.callback()(options)
    for panel, commands in _COMMANDS.items():
        for name, place in commands.items():
            if only in (None, name):
                _add(made, name, place, panel)
    return made


def _add(made: CommandApp, name: str, place: str, panel: Panel) -> None:
    module, _, attribute = place.partition(":")
    command = getattr(import_module(module), attribute)
    if isinstance(command, typer.Typer):
        made.add_typer(command, name=name, rich_help_panel=panel)
    else:
        made.command(name, rich_help_panel=panel)(command)


def _asked_for(arguments: Sequence[str]) -> str | None:
    """The command that is named first; None when none is, or an unknown one: help and advice need
    all of them.
    """
    name = next((each for each in arguments if not each.startswith("-")), None)
    return name if name in _NAMES else None


_debug = False


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(version_text())
        raise typer.Exit


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
    # A worker and the API set up theirs by the settings, once they have read them.
    set_up_logs(LogSettings(format="text", level="WARNING"), org="", process="cli")
    install(command())
    _leave(_run())


@contextmanager
def _importing() -> Iterator[None]:
    """Import without the garbage collector: modules live as long as the process, and looking
    through them again and again is a tenth of the import's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _run() -> int:
    try:
        with _importing():
            app = command_app(_asked_for(sys.argv[1:]))
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED if ended.code else 0
    except TidegateError as error:
        return _told(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        # Its module imports the client of each remote, which a command that works can do without.
        outage_of = import_module("cli.outages").outage_of
        if (outage := outage_of(error)) is None or _debug:
            raise
        return _told(outage)
    return 0


def _told(error: TidegateError) -> int:
    if _debug:
        raise error
    TALK.print(f"[bold red]Error:[/] {escape(str(error))}", markup=True)
    return _exit_code(error)


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
