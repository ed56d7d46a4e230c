"""Answers of a warehouse to one question each."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from schemas.errors import TidegateError


class Verdict(StrEnum):
    """How an answer stands to what the adapter relies on."""

    HELD = "held"
    FAILED = "failed"
    """The adapter relies on it, and it is otherwise."""
    TOLD = "told"
    """Nothing relies on it. The answer tells which of two ways would do, or how long one takes."""


@dataclass(frozen=True)
class Answer:
    """One answer. `told` holds no value of anybody's records: all of them are made up."""

    name: str
    verdict: Verdict
    told: str


class OtherwiseError(Exception):
    """The warehouse does otherwise than the adapter relies on."""


def need(holds: object, told: str) -> None:
    """Raise `OtherwiseError` with what was found instead."""
    if not holds:
        raise OtherwiseError(told)


def answered(name: str, ask: Callable[[], str], *, is_needed: bool = True) -> Answer:
    """The answer to one question: `ask` returns what it saw, or raises what stands against it."""
    try:
        return Answer(name, Verdict.HELD if is_needed else Verdict.TOLD, ask())
    except OtherwiseError as error:
        told = str(error)
    except psycopg.Error as error:
        told = f"{type(error).__name__} {error.sqlstate or ''}: {str(error).partition(chr(10))[0]}"
    except TidegateError as error:
        told = str(error)
    return Answer(name, Verdict.FAILED if is_needed else Verdict.TOLD, told)


@contextmanager
def clock() -> Iterator[Callable[[], str]]:
    """Seconds since the beginning of the block, as text."""
    began = time.perf_counter()
    yield lambda: f"{time.perf_counter() - began:.2f} s"
