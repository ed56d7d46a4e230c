"""tidegate webhook add, list, pause, resume, rotate, replay, test and remove."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import ActOptions, LookOptions, ReasonedActOptions
from cli.output import EXIT_FAILED, OUT, print_json, say
from cli.webhook.acts import Name, author, begun_at, control, existing, tell, wake
from cli.webhook.letters import LETTERS
from cli.webhook.output import webhooks_table
from schemas.webhook.limits import LONGEST_OVERLAP, OVERLAP
from schemas.webhook.messages import WebhookView
from transforms.webhook.answers import Outcome

app = CommandApp(
    about="Post changes to receivers, and steer that.\n\nExample: tidegate webhook list",
    order=(
        *("list", "add", "pause", "resume", "rotate", "replay", "dead-letters", "retry", "discard", "test"),
        "remove",
    ),
)
_HOUR = 3_600
Objects = Annotated[
    list[str], typer.Option("--object", help="An object whose changes it gets; may be repeated.")
]
Decrypt = Annotated[
    list[str] | None,
    typer.Option(help="A protected field, as Contact.Email, that it gets in plaintext; may be repeated."),
]
After = Annotated[
    str,
    typer.Option(
        help="Where the feeds begin: latest, a time such as 2026-11-24T10:00Z, first (of all that are kept), or a cursor."
    ),
]


@app.command("list")
def list_all(options: LookOptions) -> None:
    """List the webhooks: state, how far behind, held changes and dead letters.

    Example: tidegate webhook list
    """
    with control(options.loaded()) as webhooks:
        found = webhooks.all()
    if options.as_json:
        print_json([each.model_dump(mode="json") for each in found])
    else:
        OUT.print(webhooks_table(found) if found else "there is no webhook")


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where messages are posted to; https.")],
    objects: Objects,
    options: ActOptions,
    decrypt: Decrypt = None,
    after: After = "latest",
) -> None:
    """Add a webhook, and print its secret: it is shown once.

    Example: tidegate webhook add billing https://hooks.example.org/tidegate --object Case
    """
    loaded = options.loaded()
    wanted = begun_at(loaded, objects, after, decrypt=decrypt or [], name=name, url=url)
    with control(loaded) as webhooks:
        view, secret = webhooks.add(name, url, wanted.records, wanted.places, author(options))
    wake(loaded, view)
    _tell_secret(view, secret, as_json=options.as_json)


@app.command("pause")
def pause(name: Name, options: ActOptions) -> None:
    """Post nothing more. The hundred changes under way end, and its cursors stay.

    Example: tidegate webhook pause billing --reason "their release tonight"
    """
    with control(options.loaded()) as webhooks:
        view = existing(webhooks.pause(name, author(options)), name)
    tell(view, f"{name} is paused: nothing more is posted", as_json=options.as_json)


@app.command("resume")
def resume(name: Name, options: ActOptions) -> None:
    """Go on from its cursors, also after it was disabled.

    Example: tidegate webhook resume billing
    """
    loaded = options.loaded()
    with control(loaded) as webhooks:
        view = existing(webhooks.resume(name, author(options)), name)
    wake(loaded, view)
    tell(view, f"{name} is active", as_json=options.as_json)


@app.command("rotate")
def rotate(
    name: Name,
    options: ActOptions,
    hours: Annotated[
        float,
        typer.Option(
            min=0,
            max=LONGEST_OVERLAP.total_seconds() / _HOUR,
            help="How long the present secret signs beside the new one. 0 = it ends at once.",
        ),
    ] = OVERLAP.total_seconds() / _HOUR,
) -> None:
    """Make another secret, and print it: it is shown once.

    Example: tidegate webhook rotate billing --reason "the yearly rotation"
    """
    with control(options.loaded()) as webhooks:
        made = existing(webhooks.rotate(name, author(options), timedelta(hours=hours)), name)
    _tell_secret(*made, as_json=options.as_json)


@app.command("replay")
def replay(
    name: Name,
    after: After,
    options: ReasonedActOptions,
    objects: Annotated[
        list[str] | None, typer.Option("--object", help="Only this object; may be repeated.")
    ] = None,
) -> None:
    """Go on from another place in the feeds. Changes that the receiver has are posted again,
    under the same ids.

    Example: tidegate webhook replay billing --after 2026-11-24T10:00Z --reason "they lost a day"
    """
    loaded = options.loaded()
    with control(loaded) as webhooks:
        hook = existing(webhooks.find(name), name).webhook
        chosen = objects or list(hook.records.objects)
        wanted = begun_at(loaded, chosen, after, of=hook)
        view = existing(webhooks.replay(name, wanted.places, author(options)), name)
    wake(loaded, view)
    tell(view, f"{name} goes on from there", as_json=options.as_json)


@app.command("test")
def trial(name: Name, options: LookOptions) -> None:
    """Post one signed message without a record, from this machine, and show the answer.

    Example: tidegate webhook test billing
    """
    from workers.webhook.control import send_trial

    loaded = options.loaded()
    with control(loaded) as webhooks:
        found = existing(webhooks.find(name), name)
        keys = webhooks.keys(name)
    sent = asyncio.run(send_trial(loaded, name, found.webhook.url, keys))
    taken = sent.answer.outcome is Outcome.TAKEN
    if options.as_json:
        print_json({"taken": taken, "reason": sent.answer.reason, "seconds": round(sent.seconds, 3)})
    elif taken:
        OUT.print(f"taken after {sent.seconds:.2f} s", markup=False)
    if not taken:
        say(f"Not taken: {sent.answer.reason}")
        raise typer.Exit(EXIT_FAILED)


@app.command("remove")
def remove(name: Name, options: ReasonedActOptions) -> None:
    """Delete a webhook with its secrets, held changes and dead letters.

    Example: tidegate webhook remove billing --reason "the service is gone"
    """
    with control(options.loaded()) as webhooks:
        view = existing(webhooks.remove(name, author(options)), name)
    told = f"{name} is removed, with {view.held:,} held changes and {view.dead:,} dead letters"
    tell(view, told, as_json=options.as_json)


def _tell_secret(view: WebhookView, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"webhook": view.model_dump(mode="json"), "secret": secret})
        return
    OUT.print(secret, markup=False, soft_wrap=True)
    say("Give this secret to the receiver. It is not shown again; docs/webhooks.md says how it is used.")


for _name, _letters in LETTERS.items():
    app.command(_name)(_letters)
