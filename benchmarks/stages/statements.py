"""Seconds that the warehouse takes, by statement: what `benchmarks.stages` prints under `--sql`."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from clients.warehouse import postgres

_KIND = re.compile(r"\s*(?:WITH\b.*?\)\s*)?(\w+(?: \w+)?(?: \w+)?)", re.DOTALL)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|TABLE|TEMP TABLE)\s+(?:IF EXISTS\s+)?([\w.\"]+)", re.IGNORECASE)
_OBJECTS = re.compile(r"(?:case|account|contact|opportunity|payment|service_request)(?:__c)?(?=_)")


@contextmanager
def timed_statements() -> Iterator[dict[str, list[float]]]:
    """Statement -> seconds of each of its calls, while the context is open. Tables of all objects
    are one: `OBJECT_current`.
    """
    seconds: dict[str, list[float]] = defaultdict(list)
    kind = postgres._Connection
    kept = {name: getattr(kind, name) for name in ("execute", "fetch", "load", "stage", "commit")}
    for name, method in kept.items():
        setattr(kind, name, _timed(name, method, seconds))
    try:
        yield seconds
    finally:
        for name, method in kept.items():
            setattr(kind, name, method)


def _timed(name: str, method: Callable[..., Any], seconds: dict[str, list[float]]) -> Callable[..., Any]:
    def call(connection: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return method(connection, *arguments)
        finally:
            seconds[_called(name, arguments)].append(time.perf_counter() - began)

    return call


def _called(name: str, arguments: Sequence[Any]) -> str:
    if name == "commit":
        return "COMMIT"
    text = str(arguments[0])
    if name in ("load", "stage"):
        return f"COPY {_OBJECTS.sub('OBJECT', text)}"
    kind = _KIND.match(text)
    table = _TABLE.search(text)
    words = "" if kind is None else kind[1].split()[0].upper()
    return f"{words} {'' if table is None else _OBJECTS.sub('OBJECT', table[1])}".strip()
