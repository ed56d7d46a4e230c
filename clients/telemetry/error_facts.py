"""An error as a log line may show it: its kind and place, without its message.

A message may quote a value: a driver's quotes the row that it refuses, Salesforce's the query.
"""

import traceback
from collections.abc import Iterator
from pathlib import PurePath

_MOST_FRAMES = 12
"""Frames of each error in a chain, the innermost ones."""
_MOST_CAUSES = 5
_ATTRIBUTES = (
    "system",
    "status",
    "error_code",
    "object_name",
    "lane",
    "budget",
    "lease_class",
    "is_over",
)
"""Attributes of our errors that hold no value of a record."""

Fact = str | int | float | bool


def error_facts(error: BaseException) -> dict[str, Fact]:
    """Class or code of an error, and what our own errors know that is no value."""
    facts: dict[str, Fact] = {"error": getattr(error, "code", None) or type(error).__name__}
    for name in _ATTRIBUTES:
        value = getattr(error, name, None)
        if isinstance(value, str | int | float | bool):
            facts[name] = value
    return facts


def error_frames(error: BaseException) -> list[str]:
    """Where an error and its causes were raised: a line for each error's class, then one a
    frame.
    """
    lines: list[str] = []
    for each in _chain(error):
        lines.append(_kind(each))
        frames = traceback.extract_tb(each.__traceback__)[-_MOST_FRAMES:]
        lines += [f"  {_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return lines


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, the newest first."""
    following: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if following is None:
            return
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _kind(error: BaseException) -> str:
    # An ApplicationError of Temporal has our code as its type.
    code = getattr(error, "type", None)
    name = type(error).__name__
    return f"{name} {code}" if isinstance(code, str) else name


def _short(file: str) -> str:
    return "/".join(PurePath(file).parts[-3:])
