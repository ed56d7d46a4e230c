"""A module a reader: `check(data)` raises when a claim about the reader is false; `SEEDS` are
inputs to begin with, `WORDS` texts that a reader knows.
"""

from importlib import import_module
from types import ModuleType

TARGETS = ("cometd_frames", "avro_events", "bulk_csv", "intake_files", "api_bodies", "soql")


def target(name: str) -> ModuleType:
    """The module of a reader. It is imported late: atheris follows what is imported after it."""
    return import_module(f"tests.fuzz.targets.{name}")
