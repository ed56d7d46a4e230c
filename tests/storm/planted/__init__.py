"""Bugs to be found: each takes one guard out of the engine, as a careless change would."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.storm.planted import ingest, writing

PLANTED: dict[str, Callable[[], AbstractContextManager[object]]] = {**ingest.PLANTED, **writing.PLANTED}
"""By name: a context in which the engine has the bug."""
