"""Who acts in this process now: the caller of a request, the user of a command, or the engine.

An act takes its origin from here, so that no call has to hand it on. A process says once at its
start what it is (`install`); the HTTP API says at each request whom it has authenticated.
"""

import logging
import os
import platform
import pwd
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.errors import TidegateError
from schemas.security.acting import OWN_NAMES, Door, Origin
from transforms.proof import ActKeys, doubt_of, signed

_log = logging.getLogger(__name__)
_SILENT_SECONDS = 10.0


@dataclass(frozen=True)
class Actor:
    """An author, as far as this process knows."""

    door: Door
    name: str = ""
    """Of the authenticated caller; empty for others."""
    user: str = ""
    host: str = ""
    """Of a command: user of the operating system, and machine."""

    def is_sure_of(self, by: str) -> bool:
        """True when this process vouches that `by` acts."""
        if self.door is Door.HTTP:
            return bool(by) and by == self.name
        return self.door is Door.ENGINE and by in OWN_NAMES


@dataclass
class _Process:
    actor: Actor | None = None
    keys: Callable[[], ActKeys] | None = None
    silent_until: float = float("-inf")
    """The keys could not be read, and are not asked for again before."""


_PROCESS = _Process()
_CURRENT: ContextVar[Actor | None] = ContextVar("tidegate_actor", default=None)


def install(actor: Actor | None, keys: Callable[[], ActKeys] | None = None) -> None:
    """Say what this process is. `keys`: loads the keys that prove acts, and may block; None = it
    has none, so it proves nothing.
    """
    _PROCESS.actor, _PROCESS.keys, _PROCESS.silent_until = actor, keys, float("-inf")


def present_actor() -> Actor | None:
    """Who acts now; None = the process never said."""
    return _CURRENT.get() or _PROCESS.actor


@contextmanager
def installed(actor: Actor, keys: Callable[[], ActKeys] | None = None) -> Iterator[None]:
    """As `install`, until it is left."""
    before = _PROCESS.actor, _PROCESS.keys
    install(actor, keys)
    try:
        yield
    finally:
        install(*before)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Have everything inside, threads that it starts included, be this actor's."""
    token = _CURRENT.set(actor)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def caller(name: str) -> Actor:
    """The authenticated caller of a request."""
    return Actor(Door.HTTP, name=name)


def command() -> Actor:
    """The user who runs this command, by the operating system and not by the environment."""
    return Actor(Door.COMMAND, user=operating_user(), host=platform.node())


def operating_user() -> str:
    """The user of this process. `LOGNAME` and `USER` are not asked: anybody may set them."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def has_keys() -> bool:
    """True when this process can prove acts."""
    return _PROCESS.keys is not None


def act_keys() -> ActKeys | None:
    """The keys that prove acts; None = this process has none, or cannot read them now. Blocks when
    they are first needed.

    An act is recorded without them all the same, as one whose author is not proven.
    """
    if _PROCESS.keys is None or time.monotonic() < _PROCESS.silent_until:
        return None
    try:
        return _PROCESS.keys()
    except TidegateError as error:
        _PROCESS.silent_until = time.monotonic() + _SILENT_SECONDS
        _log.warning("acts cannot be proven now: %s", error)
        return None


def origin_of(by: str, target: str, operation: str, content: str) -> Origin | None:
    """The origin of something that this process asks or does now, proven where the process is sure
    of the author; None = the process never said what it is. Blocks.
    """
    actor = present_actor()
    if actor is None:
        return None
    origin = Origin(
        door=actor.door,
        user=actor.user,
        host=actor.host,
        target=target,
        operation=operation,
        content=content,
    )
    keys = act_keys() if actor.is_sure_of(by) else None
    return origin if keys is None else signed(origin, by, keys, datetime.now(UTC))


def settled(origin: Origin, by: str, target: str, *, principal: str = "") -> Origin:
    """The origin with a judgement: whether it proves that `by` acted on `target`. Blocks.

    Args:
        origin: As it came. A principal that it names is a claim, and is left out.
        by: The author's name.
        target: That was asked for the act.
        principal: The client as Temporal's server told it to this process; "" = it was not asked.
    """
    keys = act_keys()
    origin = origin.model_copy(update={"principal": principal})
    if keys is not None and origin.door is Door.TEMPORAL and principal == by != "":
        origin = signed(origin.model_copy(update={"target": target}), by, keys, datetime.now(UTC))
    doubt = doubt_of(origin, by, target, keys)
    return origin.model_copy(update={"verified": not doubt, "doubt": doubt})
