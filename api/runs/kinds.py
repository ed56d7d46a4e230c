"""Runs that HTTP callers can start: one `RunKind` each, and how a request becomes exactly one run."""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.dependencies import ApiParts
from api.problems import wrong_fields
from api.runs.models import RunAct
from clients.database.idempotency_keys import KeyClaim
from clients.temporal.runs import RunExistsError, Started, content, start_run
from schemas.access import Caller
from schemas.message import Message

_APART = "~"
"""Stands for the `/` of a workflow id in a run's id: a letter of URLs that no object, lane or window has."""


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
    reason: str = Field(
        default="",
        max_length=1_000,
        description="Goes on record. No personal data.",
        examples=["the warehouse was restored from yesterday's copy"],
    )

    @abstractmethod
    def derived_window(self) -> str:
        """A window that says what is asked, and the same for the same."""

    @abstractmethod
    async def as_input(self, parts: ApiParts, *, window: str, by: str) -> Message:
        """The workflow's input; stores what must not travel through Temporal."""


@dataclass(frozen=True)
class RunKind:
    """One kind of run."""

    path: str
    """Of its resource: `backfills`."""
    noun: str
    workflow_type: str
    """Also how its workflow ids begin."""
    request: type[RunRequest]
    state: type[Message]
    """The type of its query `progress` and of its result."""
    workflow_id: Callable[[Any], str]
    """From its workflow's input."""
    options: Callable[[Any], Mapping[str, Any]]
    """Search attributes and memo, made from the workflow's input."""
    repeats: bool
    """True: asked for by neither a key nor a window, it is begun again when the one before has ended, since the answer is
    another one by then."""
    acts: tuple[RunAct, ...]
    """The signals that it accepts while it runs."""
    about: str
    """Its description, in a sentence or two."""

    def prefix(self, org: str) -> str:
        """Prefix of the workflow ids of an org's runs."""
        return f"{self.workflow_type}/{org}/"

    def run_id(self, org: str, workflow_id: str) -> str:
        """A run's id in URLs: `Case~2026-11-01..2026-11-08`."""
        return workflow_id.removeprefix(self.prefix(org)).replace("/", _APART)

    def workflow_of(self, org: str, run_id: str) -> str:
        """The workflow id behind a run's id in URLs."""
        return self.prefix(org) + run_id.replace(_APART, "/")

    def url(self, run_id: str) -> str:
        """Where a run's state is."""
        return f"/v1/{self.path}/{run_id}"


async def ask_for_run(
    parts: ApiParts, kind: RunKind, body: RunRequest, *, key: str | None, caller: Caller
) -> Started:
    """Start what is asked for, or find what was started for the same request before.

    Raises:
        KeyUsedError: The caller has used the key for something else.
        RunExistsError: A run of that window does something else.
    """
    try:
        window = body.window or _named(body.derived_window(), key, caller)
        request = await body.as_input(parts, window=window, by=caller.name)
    except ValidationError as error:
        raise wrong_fields(error.errors(include_input=False, include_context=False)) from None
    workflow_id = kind.workflow_id(request)
    if key is None:
        again = kind.repeats and body.window is None
        return await _start(parts, kind, request, workflow_id, again=again)
    claim = KeyClaim(caller.name, key, kind.path, _fingerprint(request), workflow_id)
    held = await asyncio.to_thread(parts.keys.claim, claim)
    if held.run_id is not None:
        return Started(held.workflow_id, held.run_id, is_new=False)
    try:
        started = await _start(parts, kind, request, workflow_id, again=False)
    except RunExistsError:
        await asyncio.to_thread(parts.keys.release, claim)
        raise
    await asyncio.to_thread(parts.keys.record_start, claim, started.run_id)
    return started


async def _start(
    parts: ApiParts, kind: RunKind, request: Message, workflow_id: str, *, again: bool
) -> Started:
    return await start_run(
        parts.client,
        kind.workflow_type,
        request,
        workflow_id=workflow_id,
        again=again,
        options=kind.options(request),
    )


_KEPT = 60
"""Characters of a derived window that has a key's hash behind it."""


def _named(derived: str, key: str | None, caller: Caller) -> str:
    """Another key is another run, though it asks for the same."""
    if key is None:
        return derived
    return f"{derived[:_KEPT]}.k-{hashlib.sha256(f'{caller.name} {key}'.encode()).hexdigest()[:12]}"


def _fingerprint(request: Message) -> str:
    return hashlib.sha256(orjson.dumps(content(request), option=orjson.OPT_SORT_KEYS)).hexdigest()


def span(since: datetime | None, until: datetime | None) -> str:
    """A time window as a word: `all`, `2026-11-01T00:00:00Z..now`."""
    if since is None and until is None:
        return "all"
    return f"{'origin' if since is None else _utc(since)}..{'now' if until is None else _utc(until)}"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
