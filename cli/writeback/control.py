"""tidegate writeback pause, resume, drain, retry, discard, undo: in force and on record when the
command says so.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.options import DEFAULT_HOME, By, Everything, Home, OfObject, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from cli.writeback.output import left_page
from cli.writeback.submit import wake
from clients.writeback.batch_former import objects_that_wait
from clients.writeback.pauses import WHOLE_ORG, Pauses, pause_line
from clients.writeback.retry_discard import Unsent
from clients.writeback.store import WritebackStore
from clients.writeback.undo import Undoing
from schemas.catalogue import load_catalogue
from schemas.errors import SettingsError
from schemas.message import Message
from schemas.writeback.control import LeftAlone, PauseResult, WritebackChoice
from schemas.writeback.messages import PauseChange, SetPauseInput, WritebackControl, WritebackState
from transforms.writeback.selection import ranges
from workers.addresses import operational_address
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings

Held = Annotated[str | None, typer.Argument(metavar="[OBJECT]", help="API name, as Case.")]
Numbers = Annotated[list[int] | None, typer.Argument(help="As `list` names them.")]
OfCode = Annotated[
    str | None, typer.Option("--code", help="Only those with this error code, as `list` shows it.")
]
OfState = Annotated[
    WritebackState | None, typer.Option("--state", help="Only these: dead, held or superseded.")
]
OfBatch = Annotated[str | None, typer.Option("--batch", help="Only those of one batch.")]


def pause(
    object_name: Held = None,
    everything: Everything = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Send nothing more. In force when the command ends: what is on the wire by then comes to its
    end, and the rest waits.

    Example: tidegate writeback pause Case --reason "release tonight"
    """
    loaded = local_settings(settings, home)
    _hold(loaded, PauseChange.PAUSE, object_name, _control(by, reason, everything), as_json=as_json)


def resume(
    object_name: Held = None,
    everything: Everything = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """End a pause or a drain, of an object or (--all) of the whole org; the other one stays.

    Example: tidegate writeback resume Case
    """
    loaded = local_settings(settings, home)
    _hold(loaded, PauseChange.RESUME, object_name, _control(by, reason, everything), as_json=as_json)


def drain(
    object_name: Held = None,
    everything: Everything = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Send what was accepted until now, and nothing that comes later, until `resume`.

    Example: tidegate writeback drain --all --reason "the org moves to another instance"
    """
    loaded = local_settings(settings, home)
    _hold(loaded, PauseChange.DRAIN, object_name, _control(by, reason, everything), as_json=as_json)


def retry(
    numbers: Numbers = None,
    object_name: OfObject = None,
    code: OfCode = None,
    state_name: OfState = None,
    batch: OfBatch = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a later one of the same record and field is done.")
    ] = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Send dead letters, held and superseded ones once more. A held one is then sent although the
    record was changed before now.

    Example: tidegate writeback retry --object Case --code UNABLE_TO_LOCK_ROW
    """
    chosen = _choice(numbers, object=object_name, code=code, state=state_name, batch=batch)
    loaded = local_settings(settings, home)
    with _store(loaded) as store:
        handled = Unsent(store).retry(chosen, by=acting_user(by), reason=reason, force=force)
    wake(loaded, set(handled.objects))
    _tell(handled, f"{_counted(handled.numbers)} sent again", handled.left, as_json=as_json)


def discard(
    numbers: Numbers = None,
    object_name: OfObject = None,
    code: OfCode = None,
    state_name: OfState = None,
    batch: OfBatch = None,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let dead letters, held and superseded ones go: they are never sent.

    Example: tidegate writeback discard 17 18 --reason "corrected by hand"
    """
    chosen = _choice(numbers, object=object_name, code=code, state=state_name, batch=batch)
    with _store(local_settings(settings, home)) as store:
        handled = Unsent(store).discard(chosen, by=acting_user(by), reason=reason)
    _tell(handled, f"{_counted(handled.numbers)} discarded", handled.left, as_json=as_json)


def undo(
    numbers: Numbers = None,
    batch: OfBatch = None,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Bring back what writebacks replaced, by new ones, where the record still has what was
    written. Made records are not deleted.

    Example: tidegate writeback undo --batch 4711.0 --reason "wrong file"
    """
    chosen = _choice(numbers, batch=batch)
    loaded = local_settings(settings, home)
    with _store(loaded) as store, closing(open_warehouse(loaded)) as warehouse:
        catalogue = decided_catalogue(loaded, warehouse)
        result = Undoing(store, catalogue).undo(chosen, by=acting_user(by), reason=reason)
    wake(loaded, set(result.objects))
    undone = [each.number for each in result.undone]
    by_numbers = ranges(each.by for each in result.undone)
    done = f"{_counted(undone)} undone by {by_numbers}" if undone else "nothing is undone"
    _tell(result, done, result.left, as_json=as_json)


def _control(by: str, reason: str, everything: bool) -> WritebackControl:
    return WritebackControl(by=acting_user(by), reason=reason, whole_org=everything)


def _choice(numbers: list[int] | None, **parts: str | None) -> WritebackChoice:
    given = {name: part for name, part in parts.items() if part is not None}
    if bool(numbers) == bool(given):
        options = ", ".join(f"--{name}" for name in parts)
        raise SettingsError(f"Say which writebacks: numbers, or {options}; not both.")
    return WritebackChoice.model_validate({"numbers": tuple(numbers or ()), **given})


@contextmanager
def _store(settings: Settings) -> Iterator[WritebackStore]:
    with closing(WritebackStore(operational_address(settings.operational))) as store:
        yield store


def _hold(
    settings: Settings,
    change: PauseChange,
    object_name: str | None,
    control: WritebackControl,
    *,
    as_json: bool,
) -> None:
    if control.whole_org == (object_name is not None):
        raise SettingsError("Name an object, or say --all; not both.")
    if object_name is not None:
        load_catalogue(settings.catalogue).object(object_name)
    request = SetPauseInput(object=object_name or "", change=change, control=control, at=datetime.now(UTC))
    with _store(settings) as store:
        result = Pauses(store).set(request)
        concerned = {object_name} if object_name else set(objects_that_wait(store))
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _tell_pauses(result)
    wake(settings, concerned)


def _tell_pauses(result: PauseResult) -> None:
    what = "all writebacks" if result.object == WHOLE_ORG else f"writebacks of {result.object}"
    said = {
        PauseChange.PAUSE: f"{what} are paused: nothing more is sent",
        PauseChange.DRAIN: f"{what} are drained: what was accepted until now is sent, and nothing else",
        PauseChange.RESUME: f"{what} are resumed",
    }
    OUT.print(said[result.change], markup=False)
    if result.change is not PauseChange.RESUME and result.on_the_wire:
        OUT.print(f"on the wire, and coming to an end: {', '.join(result.on_the_wire)}", markup=False)
    for each in result.pauses:
        if result.change is PauseChange.RESUME or each.object != result.object:
            OUT.print(f"still in force: {pause_line(each)}", markup=False)


def _counted(numbers: Iterable[int]) -> str:
    listed = list(numbers)
    return f"{len(listed):,} writeback{'' if len(listed) == 1 else 's'}"


def _tell(result: Message, done: str, left: tuple[LeftAlone, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        OUT.print(done, markup=False)
        if left:
            OUT.print(left_page(left))
    if left:
        say(f"{len(left):,} were left as they are.")
        raise typer.Exit(EXIT_FAILED)


COMMANDS: dict[str, Callable[..., None]] = {
    "pause": pause,
    "resume": resume,
    "drain": drain,
    "retry": retry,
    "discard": discard,
    "undo": undo,
}
