"""tidegate webhook dead-letters, retry and discard."""

from collections.abc import Callable
from typing import Annotated

import typer

from cli.options import ActOptions, Everything, LookOptions, Most, ReasonedActOptions
from cli.output import OUT, print_json
from cli.webhook.acts import Name, author, control, existing, wake
from cli.webhook.output import letters_table
from schemas.errors import SettingsError

Cursors = Annotated[list[str] | None, typer.Argument(help="As `dead-letters` names them.")]


def dead_letters(
    name: Name,
    options: LookOptions,
    most: Most = 50,
) -> None:
    """List changes that the receiver refused for too long, each with its reason.

    Example: tidegate webhook dead-letters billing
    """
    with control(options.loaded()) as webhooks:
        found = existing(webhooks.dead_letters(name, most), name)
    if options.as_json:
        print_json([each.model_dump(mode="json") for each in found])
    else:
        OUT.print(letters_table(found) if found else f"{name} has no dead letters")


def retry(name: Name, options: ActOptions, cursors: Cursors = None, everything: Everything = False) -> None:
    """Post dead letters again. Later changes of their records may have been taken before.

    Example: tidegate webhook retry billing --all --reason "their bug is fixed"
    """
    chosen = _chosen(cursors, everything)
    loaded = options.loaded()
    with control(loaded) as webhooks:
        count = existing(webhooks.retry(name, author(options), chosen), name)
        view = existing(webhooks.find(name), name)
    wake(loaded, view)
    _tell(count, "posted again", as_json=options.as_json)


def discard(
    name: Name, options: ReasonedActOptions, cursors: Cursors = None, everything: Everything = False
) -> None:
    """Delete dead letters: they are not posted again.

    Example: tidegate webhook discard billing --all --reason "they read the records again"
    """
    chosen = _chosen(cursors, everything)
    with control(options.loaded()) as webhooks:
        count = existing(webhooks.discard(name, author(options), chosen), name)
    _tell(count, "discarded", as_json=options.as_json)


def _chosen(cursors: list[str] | None, everything: bool) -> list[str]:
    if bool(cursors) == everything:
        raise SettingsError("Say which dead letters: cursors, or --all; not both.")
    return cursors or []


def _tell(count: int, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changes": count})
    else:
        OUT.print(f"{count:,} dead letter{'' if count == 1 else 's'} {done}", markup=False)


LETTERS: dict[str, Callable[..., None]] = {
    "dead-letters": dead_letters,
    "retry": retry,
    "discard": discard,
}
