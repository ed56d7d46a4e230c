"""Files, functions and folders stay small enough to be read at once.

A longer one has two ideas: give the second one its own name. An exception is a decision, and is
named here with its reason.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.unit.test_rooms import ROAD

ROOT = Path(__file__).parents[2]
MOST_FILES = 25
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 40
MOST_PARAMETERS = 6

GENERATED = ("schemas/eventbus/", "clients/database/migrations/versions/")
LONG_FILES: dict[str, str] = {
    "workers/settings.py": "every group of settings",
    "workflows/reconcile.py": "the stages of one workflow, in their order",
}
"""Files over `MOST_FILE_LINES`, and what they hold."""
LONG_FUNCTIONS: dict[str, str] = {
    "sandbox/org/auth/routes.py routes": "a table of routes",
}
"""Functions over `MOST_FUNCTION_LINES`, and what they are."""
MANY_PARAMETERS: dict[str, str] = {
    "clients/telemetry/otel.py should_sample": "the signature is OpenTelemetry's",
}
"""Functions over `MOST_PARAMETERS`, and why; signatures of commands aside: there, a parameter is
an option.
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*rooms: str) -> Iterator[tuple[str, str]]:
    """Path and text of the files that were written by hand."""
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(GENERATED):
                yield name, file.read_text(encoding="utf-8")


def functions(*rooms: str) -> Iterator[tuple[str, Function]]:
    """`path name` of every function, and the function."""
    for name, text in files(*rooms):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                yield f"{name} {node.name}", node


def parameters(function: Function) -> int:
    """How many there are, `self` and `cls` aside."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return sum(each.arg not in ("self", "cls") for each in named) + len(rest)


def lines(function: Function) -> int:
    """From `def` to the end; decorators and the docstring aside."""
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    text = (first.end_lineno or first.lineno) - first.lineno + 1 if is_text else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - text


def test_no_folder_of_the_layers_or_of_the_benchmarks_has_too_many_files() -> None:
    counts = Counter(name.rpartition("/")[0] for name, _ in files(*ROAD, "sandbox", "benchmarks"))
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_no_file_of_the_layers_is_too_long_but_those_that_are_named() -> None:
    found = {name for name, text in files(*ROAD) if len(text.splitlines()) > MOST_FILE_LINES}
    assert found - LONG_FILES.keys() == set()


def test_no_function_is_too_long_but_the_tables_that_are_named() -> None:
    found = {name for name, function in functions(*ROAD, "sandbox") if lines(function) > MOST_FUNCTION_LINES}
    assert found - LONG_FUNCTIONS.keys() == set()


def test_no_function_but_a_command_has_too_many_parameters() -> None:
    rooms = [room for room in (*ROAD, "sandbox") if room != "cli"]
    found = {name for name, function in functions(*rooms) if parameters(function) > MOST_PARAMETERS}
    assert found - MANY_PARAMETERS.keys() == set()
