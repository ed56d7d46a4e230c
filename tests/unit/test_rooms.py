"""Imports run one way: schemas <- transforms <- clients <- activities <- workflows <- workers <- api, cli."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROAD = ["schemas", "transforms", "clients", "activities", "workflows", "workers", "api", "cli"]
OURS = {*ROAD, "sandbox", "tests", "benchmarks"}

MAY_IMPORT: dict[str, set[str]] = {
    # A room may use itself and what lies before it on the road.
    **{room: set(ROAD[: place + 1]) for place, room in enumerate(ROAD)},
    # Workflow code is replayed: it may think (pure functions), names activities by their stored names, and touches no client.
    "workflows": {"schemas", "transforms", "workflows"},
    # Two front doors, neither through the other.
    "cli": {*ROAD, "sandbox"} - {"api"},
    # The remote systems know our limits and nothing else of us.
    "sandbox": {"schemas", "sandbox"},
}


def imported_rooms(file: Path) -> Iterator[tuple[str, int]]:
    """The packages of ours that a file imports, anywhere in it, and the lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        # A relative import has no module of its own; ruff bans it.
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            if (room := name.partition(".")[0]) in OURS:
                yield room, node.lineno


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_before_it(room: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {other}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for other, line in imported_rooms(file)
        if other not in MAY_IMPORT[room]
    ]
    assert wrong == []


def test_only_the_cli_the_tests_or_the_benchmarks_import_the_sandbox() -> None:
    assert {room for room, others in MAY_IMPORT.items() if "sandbox" in others} == {"cli", "sandbox"}


def test_every_folder_with_python_in_it_is_a_known_room() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert folders <= OURS | {"docs", "deploy", ".ci"}


def test_the_rule_sees_an_import_inside_a_function(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text(
        "def run():\n    from sandbox.stack import running_sandbox\n    import clients.salesforce.streaming.cometd\n"
    )
    assert list(imported_rooms(file)) == [("sandbox", 2), ("clients", 3)]
