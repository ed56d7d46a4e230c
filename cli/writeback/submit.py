"""tidegate writeback submit: writebacks are accepted from a file, or one from the command line."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import DEFAULT_HOME, By, Home, Reason, SettingsFile, acting_user, time_of
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from cli.stores import audit_log, object_store
from cli.writeback.dry_run import DryRun, tell
from cli.writeback.output import refusals_page
from cli.writeback.read_file import read_file
from clients.writeback.intake import WritebackIntake
from clients.writeback.intake_files import FileReading
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError, TransientError
from schemas.ingest.messages import Act
from schemas.writeback.files import FileFormat, FileIntake, RowDefaults
from schemas.writeback.messages import Intake, Mode
from schemas.writeback.preview import Preview
from transforms.writeback.parse_rows import EMPTIES, RowForm
from workers.clients import connect_temporal, decided_catalogue, open_warehouse
from workers.intake import writeback_intake, writeback_queues
from workers.settings import Settings

_File = Annotated[
    str | None,
    typer.Argument(help="CSV, NDJSON or Parquet by its ending; - for NDJSON on stdin."),
]
_Object = Annotated[str | None, typer.Option("--object", help="API name, as Case.")]
_ExternalId = Annotated[str | None, typer.Option("--external-id", help="Of the one record, without a file.")]
_Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="May be repeated; without a value it empties the field; a parent is Account.ExternalId__c=A-1.",
    ),
]
_Key = Annotated[
    str | None, typer.Option("--key", help="The writeback's idempotency key; made up when it is left out.")
]
_KeyField = Annotated[
    str | None, typer.Option("--key-field", help="The external id field; by default the object's only one.")
]
_Format = Annotated[FileFormat | None, typer.Option("--format", help="When the ending does not say.")]
_Deadline = Annotated[str, typer.Option("--deadline", help="When it has to be in Salesforce, ISO 8601.")]
_Priority = Annotated[int, typer.Option("--priority", min=0, max=9, help="0 goes first.")]
_Creates = Annotated[bool, typer.Option("--create/--no-create", help="Make the record when it is not there.")]
_Mode = Annotated[Mode, typer.Option("--mode", help="Of several of one record that wait together.")]
_DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Accept nothing: show what they would do, and for how many calls."),
]


def submit(
    file: _File = None,
    object_name: _Object = None,
    external_id: _ExternalId = None,
    sets: _Sets = None,
    key: _Key = None,
    key_field: _KeyField = None,
    file_format: _Format = None,
    deadline: _Deadline = "",
    priority: _Priority = 5,
    creates: _Creates = True,
    mode: _Mode = Mode.ORDERED,
    dry_run: _DryRun = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Accept writebacks of a file, or one that is given by options. Handed in again, they do
    nothing twice. Exits 1 when some are refused.

    Example: tidegate writeback submit --object Case --external-id C-17 --set Status=Decided
    --key day-7-C-17
    """
    loaded = local_settings(settings, home)
    defaults = RowDefaults(
        object=object_name or "",
        key_field=key_field,
        deadline=_deadline(deadline),
        priority=priority,
        may_create=creates,
        mode=mode,
    )
    asked = _Submission(file, file_format, defaults, external_id, tuple(sets or ()), key)
    if dry_run:
        _show_dry_run(loaded, asked, as_json=as_json)
    else:
        _submit(loaded, asked, (acting_user(by), reason), as_json=as_json)


@dataclass(frozen=True)
class _Submission:
    """The writebacks of the command line: a file, or one that the options give."""

    file: str | None
    file_format: FileFormat | None
    defaults: RowDefaults
    external_id: str | None
    sets: tuple[str, ...]
    key: str | None

    def give(self, catalogue: Catalogue, accept: Callable[[list[Any]], Intake]) -> Intake | FileReading:
        """Hand the writebacks to `accept`; the answer to the one, or what a file came to."""
        if self.file is None:
            return accept([_one(catalogue, self.defaults, self.external_id, list(self.sets), self.key)])
        if self.external_id is not None or self.sets or self.key is not None:
            raise SettingsError(
                "A file brings its own rows. Leave --external-id, --set and --key out, or the file."
            )
        return read_file(accept, catalogue, self.defaults, self.file, self.file_format)


def _show_dry_run(loaded: Settings, asked: _Submission, *, as_json: bool) -> None:
    with _intake(loaded) as (intake, catalogue):
        dry = DryRun(intake)
        taken = asked.give(catalogue, dry.take)
        if isinstance(taken, FileReading) and taken.trouble:
            raise SettingsError(taken.trouble)
        _tell_dry(dry.look(loaded, catalogue), as_json=as_json)


def _submit(loaded: Settings, asked: _Submission, acting: tuple[str, str], *, as_json: bool) -> None:
    """Accept them, on record. `acting`: by whom, and why."""
    with _intake(loaded) as (intake, catalogue):
        taken = asked.give(catalogue, partial(intake.submit, acting[0]))
    if isinstance(taken, FileReading):
        result = taken.result()
        wake(loaded, taken.objects)
        _record(loaded, asked, acting, result.accepted)
        _say_file(result, as_json=as_json)
        return
    wake(loaded, {asked.defaults.object} if taken.accepted else set())
    _record(loaded, asked, acting, sum(each.is_new for each in taken.accepted))
    _say_one(taken, as_json=as_json)


def _record(loaded: Settings, asked: _Submission, acting: tuple[str, str], accepted: int) -> None:
    """Put a submission on record that has brought something new."""
    if not accepted:
        return
    by, reason = acting
    source = "the command line" if asked.file is None else Path(asked.file).name
    detail = f"{accepted:,} writebacks of {source}{': ' if reason else ''}{reason}"
    target = asked.defaults.object or "every object"
    with audit_log(loaded) as log:
        log.append(Act(act="writeback.submit", by=by, target=target, detail=detail, at=datetime.now(UTC)))


def _one(
    catalogue: Catalogue, defaults: RowDefaults, external_id: str | None, sets: list[str], key: str | None
) -> dict[str, Any]:
    """The writeback of the command line, its values as the cells of a CSV."""
    if not defaults.object or external_id is None or not sets:
        raise SettingsError("Give a file, or --object, --external-id and at least one --set FIELD=VALUE.")
    row: dict[str, Any] = {"external_id": external_id, "key": key or str(uuid.uuid4())}
    for each in sets:
        name, equals, value = each.partition("=")
        if not equals or name in row:
            raise SettingsError(f"--set takes FIELD=VALUE, each field once; {name!r} is not so. Correct it.")
        row[name] = value or EMPTIES
    return RowForm(catalogue, FileFormat.CSV, defaults, "").writeback(1, row)


def _deadline(given: str) -> Any:
    try:
        return time_of(given) if given else None
    except ValueError:
        raise SettingsError("--deadline: that is no time. Give one as 2026-11-25T14:00Z.") from None


@contextmanager
def _intake(settings: Settings) -> Iterator[tuple[WritebackIntake, Catalogue]]:
    """Where writebacks are accepted, and the catalogue by which they are checked."""
    store = object_store(settings)
    with closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
        with writeback_intake(settings, catalogue, store, warehouse) as intake:
            yield intake, catalogue


def wake(settings: Settings, objects: set[str]) -> None:
    """Have the objects' queues look. What was done is in the store by now; a queue that hears
    nothing looks by itself.
    """

    async def tell() -> None:
        client = await connect_temporal(settings)
        async with writeback_queues(client, settings) as queues:
            await queues.wake_all(objects)

    if objects:
        try:
            asyncio.run(tell())
        except TransientError:
            say(
                "Temporal does not answer. What was asked is in the store, and counts; the queues take it up when they can."
            )


def _tell_dry(found: Preview, *, as_json: bool) -> None:
    tell(found, as_json=as_json)
    if found.refused:
        raise typer.Exit(EXIT_FAILED)


def _say_one(answer: Intake, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.model_dump(mode="json"))
    for each in answer.accepted if not as_json else ():
        before = "" if each.is_new else ", which it was before"
        OUT.print(f"accepted as writeback {each.number}{before}; its key is {each.key}", markup=False)
    for refused in answer.refused:
        say(f"refused: {refused.field}: {refused.message}")
    if answer.refused:
        raise typer.Exit(EXIT_FAILED)


def _say_file(result: FileIntake, *, as_json: bool) -> None:
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        OUT.print(
            f"{result.rows:,} rows: {result.accepted:,} accepted, {result.repeated:,} accepted before, {result.refused:,} refused"
        )
        if result.refusals:
            OUT.print(refusals_page(result))
    if result.trouble:
        say(result.trouble)
    if result.refused or result.trouble:
        raise typer.Exit(EXIT_FAILED)
