"""A process imports the parts of its own role and no others: imports are most of its start.

The test reads the import statements of the sources. Importing would take as long as a start.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.test_rooms import OURS, ROOT

STREAMING = {"aiosfstream_ng", "aiocometd_ng", "grpc", "fastavro"}
"""Of one of two protocols, imported with the first lane of it."""
LEFT_OUT = {*STREAMING, "alembic", "opentelemetry", "fastapi", "sandbox"}
"""Packages that no worker imports before it needs them."""


def file_of(module: str) -> Path | None:
    """The source of a module of ours; None when there is none of that name."""
    place = ROOT.joinpath(*module.split("."))
    return next((each for each in (place / "__init__.py", place.with_suffix(".py")) if each.exists()), None)


def statements(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run with the module; those for type checkers alone do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from statements([*node.body, *node.orelse])
        elif isinstance(node, ast.With | ast.Try):
            yield from statements(node.body)


@cache
def imports_of(module: str) -> frozenset[str]:
    """The names that a module imports, and its packages."""
    file = file_of(module)
    assert file is not None
    parts = module.split(".")
    found = {".".join(parts[:count]) for count in range(1, len(parts))}
    for node in statements(ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        else:
            found |= {str(node.module), *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(found)


def reached(*modules: str) -> dict[str, str]:
    """Package or module -> the module that imports it, of all that these bring in."""
    found: dict[str, str] = {}
    waiting = [(each, "the start") for each in modules]
    while waiting:
        name, by = waiting.pop()
        package = name.partition(".")[0]
        if package not in OURS or package == "sandbox":
            found.setdefault(package, by)
        elif name not in found and file_of(name) is not None:
            found[name] = by
            waiting += [(each, name) for each in imports_of(name)]
    return found


@pytest.mark.parametrize("role", ["lanes", "batches", "backfill", "writebacks"])
def test_a_worker_imports_no_package_before_it_needs_it(role: str) -> None:
    found = reached("cli.main", "cli.worker", f"workers.queues.{role}")
    assert {name: by for name, by in found.items() if name in LEFT_OUT} == {}


def test_what_is_followed_reaches_third_parties_through_several_modules() -> None:
    assert {"boto3", "temporalio", "pydantic"} <= set(reached("cli.worker"))
    assert "fastapi" in reached("api.__main__")
