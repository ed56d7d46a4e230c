"""tidegate keys …: the org's data keys, the check that they open everything, and their rotation."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer
from rich.table import Table

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Detach, Home, NeededReason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from cli.stores import object_store
from clients.temporal.run_kinds import ROTATE_KEYS
from schemas.security.keys import REENCRYPTION, ROTATION, KeyView, RotateInput, RotationState
from workers.clients import decided_catalogue, open_warehouse
from workers.security.key_looks import KeyLooks
from workers.settings import Settings

app = CommandApp(
    about="Show, check and rotate the data keys of personal values.\n\nExample: tidegate keys list",
)


@app.command("list")
def list_keys(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """List the data keys, the oldest first, with their fingerprints and the objects under each.

    Example: tidegate keys list --json
    """
    with _looks(local_settings(settings, home)) as looks:
        keys = looks.keys()
    if as_json:
        print_json({"keys": [each.model_dump(mode="json") for each in keys]})
        return
    OUT.print(keys_table(keys) if keys else "there is no key yet; the first worker makes it")


@app.command("verify")
def verify(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """Open every key and some of its tokens; exits 1 and says what is wrong.

    Each fingerprint is held against the register and the manifests, and the tokens of each column
    are counted by key.

    Example: tidegate keys verify
    """
    with _looks(local_settings(settings, home)) as looks:
        found = looks.verify()
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        table = Table("table", "column", "form", "key", "tokens", box=None)
        for each in found.tokens:
            table.add_row(each.table, each.column, each.form, each.key_id, f"{each.tokens:,}")
        OUT.print(table)
        for problem in found.problems:
            OUT.print(problem)
    if found.problems:
        raise typer.Exit(EXIT_FAILED)
    say(f"{len(found.keys)} keys open; {found.opened} tokens of {len(found.tokens)} groups were decrypted")


@app.command("rotate")
def rotate(
    reason: NeededReason,
    detach: Detach = False,
    by: By = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a new data key, and re-encrypt the warehouse with it in the background.

    Older keys stay: raw files are encrypted with them for as long as they are kept.

    Example: tidegate keys rotate --reason "the yearly rotation"
    """
    _run(local_settings(settings, home), ROTATION, by, reason, detach=detach, as_json=as_json)


@app.command("reencrypt")
def reencrypt(
    reason: NeededReason,
    detach: Detach = False,
    by: By = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Bring tokens of older keys, and of fields whose class was changed, to their present form.

    Example: tidegate keys reencrypt --reason "Case.Description is sensitive now"
    """
    _run(local_settings(settings, home), REENCRYPTION, by, reason, detach=detach, as_json=as_json)


def keys_table(keys: tuple[KeyView, ...]) -> Table:
    """A line a key."""
    table = Table("key", "fingerprint", "state", "made (UTC)", "by", "tables of", box=None)
    for key in keys:
        made = "" if key.made_at is None else f"{key.made_at:%Y-%m-%d %H:%M}"
        state = "encrypts" if key.is_active else "decrypts"
        table.add_row(key.id, key.fingerprint, state, made, key.made_by, ", ".join(key.objects))
    return table


def _run(loaded: Settings, name: str, by: str, reason: str, *, detach: bool, as_json: bool) -> None:
    request = RotateInput(
        org=loaded.salesforce.org_id,
        name=name,
        makes_key=name == ROTATION,
        by=acting_user(by),
        reason=reason,
    )
    asked = Asked(
        kind=ROTATE_KEYS,
        request=request,
        state=RotationState,
        title="key rotation" if request.makes_key else "re-encryption",
        show="tidegate keys list",
        share=lambda state: state.share,
        words=lambda state: f"{state.stage}, {state.counts.tokens:,} tokens",
    )
    ended = run_to_its_end(loaded, asked, detach=detach, as_json=as_json)
    if ended is None:
        return
    if ended.trouble or ended.state is None:
        say(f"It failed: {ended.trouble}. Ask again: it goes on with what is left.")
        raise typer.Exit(EXIT_FAILED)
    state = ended.state
    if as_json:
        print_json(state.model_dump(mode="json"))
        return
    say(
        f"key {state.key_id} encrypts; {state.counts.tokens:,} tokens of {len(state.objects)} objects are under it"
    )


@contextmanager
def _looks(settings: Settings) -> Iterator[KeyLooks]:
    with closing(open_warehouse(settings)) as warehouse:
        store = object_store(settings)
        yield KeyLooks(settings, store, warehouse, decided_catalogue(settings, warehouse))
