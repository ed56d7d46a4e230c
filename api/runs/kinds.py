"""The kinds of runs by HTTP: one `RunResource` each, and how a request becomes exactly one run."""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.dependencies import Dependencies
from api.problems import invalid, wrong_fields
from clients.database.idempotency_keys import KeyClaim
from clients.temporal.run_kinds import RunKind
from clients.temporal.runs import RunExistsError, Started, content, start_run
from schemas.message import Message
from schemas.security.access import Caller, CallerRole
from schemas.security.reason import ReasonText

RUN_ID_SLASH = "~"
"""Stands for the `/` of a workflow id in a run's id: a letter of URLs that no object, lane or
window has.
"""


class RunRequest(BaseModel, ABC):
    """The body of a request for a run: what is to be done, without who asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z][0-9A-Za-z._:+-]{0,79}$",
        description="Names the run among those of its object or lane: the same window is the same run. Left out, it is derived "
        "from what is asked, and from the Idempotency-Key when there is one.",
        examples=["2026-11-01..2026-11-08"],
    )
    reason: ReasonText = Field(
        default="",
        description="Goes on record. No personal data.",
        examples=["the warehouse was restored from yesterday's copy"],
    )

    @property
    def is_everything(self) -> bool:
        """True when nothing is chosen, and that is not said either. Of a kind that must name an
        object it never is.
        """
        return False

    @abstractmethod
    def derived_window(self) -> str:
        """A window that says what is asked, and the same for the same."""

    @abstractmethod
    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> Message:
        """The workflow's input; stores what must not travel through Temporal."""


@dataclass(frozen=True)
class RunResource:
    """One kind of run, and its resource."""

    kind: RunKind
    request: type[RunRequest]
    about: str
    """Its description, in a sentence or two."""
    role: CallerRole = CallerRole.OPERATOR
    """Who may start and steer one."""

    @property
    def path(self) -> str:
        """Of the resource: `backfills`."""
        return self.kind.plural

    @property
    def noun(self) -> str:
        """The name of one."""
        return self.kind.noun

    def run_id(self, org: str, workflow_id: str) -> str:
        """A run's id in URLs: `Case~2026-11-01..2026-11-08`."""
        return workflow_id.removeprefix(self.kind.prefix(org)).replace("/", RUN_ID_SLASH)

    def workflow_of(self, org: str, run_id: str) -> str:
        """The workflow id behind a run's id in URLs."""
        return self.kind.prefix(org) + run_id.replace(RUN_ID_SLASH, "/")

    def url(self, run_id: str) -> str:
        """Where a run's state is."""
        return f"/v1/{self.path}/{run_id}"


async def ask_for_run(
    parts: Dependencies, resource: RunResource, body: RunRequest, *, key: str | None, caller: Caller
) -> Started:
    """Start what is asked for, or find what was started for the same request before.

    Raises:
        KeyUsedError: The caller has used the key for something else.
        RunExistsError: A run of that window does something else.
        ProblemError: Nothing is chosen.
    """
    kind = resource.kind
    if body.is_everything:
        raise invalid("body", "nothing is chosen; give a part of the selection, or `all` as true")
    try:
        window = body.window or await _derived(parts, resource, body, key=key, caller=caller)
        request = await body.as_input(parts, window=window, by=caller.name)
    except ValidationError as error:
        raise wrong_fields(error.errors(include_input=False, include_context=False)) from None
    if key is None:
        return await start_run(parts.client, kind, request, again=kind.repeats and body.window is None)
    claim = KeyClaim(caller.name, key, resource.path, fingerprint(request), kind.workflow_id(request))
    held = await asyncio.to_thread(parts.keys.claim, claim)
    if held.run_id is not None:
        return Started(held.workflow_id, held.run_id, is_new=False)
    try:
        started = await start_run(parts.client, kind, request, again=False)
    except RunExistsError:
        await asyncio.to_thread(parts.keys.release, claim)
        raise
    await asyncio.to_thread(parts.keys.record_start, claim, started.run_id)
    return started


_KEPT = 60
"""Characters of a derived window that has a key's hash behind it."""


def _named(derived: str, key: str | None, caller: Caller) -> str:
    """Another key is another run, though it asks for the same."""
    if key is None:
        return derived
    return f"{derived[:_KEPT]}.k-{hashlib.sha256(f'{caller.name} {key}'.encode()).hexdigest()[:12]}"


async def _derived(
    parts: Dependencies, resource: RunResource, body: RunRequest, *, key: str | None, caller: Caller
) -> str:
    """The name of a run that the caller has not named. A key keeps the name that it was claimed
    with, by whatever release.
    """
    earlier = None if key is None else await asyncio.to_thread(parts.keys.find, caller.name, key)
    if earlier is not None and earlier.kind == resource.path:
        return resource.kind.name_of(parts.org, earlier.workflow_id)[1]
    return _named(body.derived_window(), key, caller)


def fingerprint(request: Message) -> str:
    """The SHA-256 of a request's content in hex, without who asks and why."""
    return hashlib.sha256(orjson.dumps(content(request), option=orjson.OPT_SORT_KEYS)).hexdigest()
