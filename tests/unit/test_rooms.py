"""Imports run one way: schemas <- transforms <- clients <- activities <- workflows <- workers <-
api, cli.

Inside a layer they run one way between capabilities, too.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROAD = ["schemas", "transforms", "clients", "activities", "workflows", "workers", "api", "cli"]
OURS = {*ROAD, "sandbox", "tests", "benchmarks"}

MAY_IMPORT: dict[str, set[str]] = {
    # A room may use itself and what lies before it on the road.
    **{room: set(ROAD[: place + 1]) for place, room in enumerate(ROAD)},
    # Workflow code is replayed: it may think (pure functions), names activities by their stored
    # names, and touches no client.
    "workflows": {"schemas", "transforms", "workflows"},
    # Two front doors, neither through the other.
    "cli": {*ROAD, "sandbox"} - {"api"},
    # The remote systems know our limits and nothing else of us.
    "sandbox": {"schemas", "sandbox"},
}


CAPABILITIES: dict[str, dict[str, set[str]]] = {
    # By layer: a capability, and those of its layer that it imports. A new arrow is a decision; an
    # arrow that is gone leaves the table.
    "transforms": {
        "apply": {"convert_values", "ingest", "misfits"},
        "backfill": set(),
        "catalogue": set(),
        "convert_values": {"misfits", "pii"},
        "deep_json": {"exact_json"},
        "drift": {"catalogue", "convert_values", "ingest", "misfits"},
        "erasure": {"exact_json", "pii", "quality"},
        "exact_json": set(),
        "governor": set(),
        "ingest": {"convert_values", "erasure", "exact_json", "misfits", "pii", "quality"},
        "misfits": set(),
        "model": set(),
        "pii": {"deep_json"},
        "planner": {"governor"},
        "proof": set(),
        "quality": {"misfits"},
        "reconcile": {"apply", "convert_values", "erasure", "ingest", "misfits", "pii", "quality"},
        "repair": {"ingest", "pii", "quality"},
        "replay": {"convert_values", "erasure", "exact_json", "ingest", "pii"},
        "retention": {"pii"},
        "status": {"retention"},
        "webhook": set(),
        "writeback": {"convert_values", "ingest", "misfits", "pii"},
    },
    "clients": {
        "acting": set(),
        "audit": {"database", "storage"},
        "aws_region": set(),
        "ca_bundle": set(),
        "concurrency": set(),
        "database": {"acting", "aws_region", "ca_bundle"},
        "dependencies": {"database", "salesforce", "storage", "warehouse"},
        "doctor": {"audit", "concurrency", "database", "salesforce", "storage", "temporal", "warehouse"},
        "fleet": set(),
        "governor": {"metrics"},
        "memory": set(),
        "metrics": set(),
        "model": {"database"},
        "oidc": set(),
        "retention": {"database", "storage", "warehouse", "writeback"},
        "salesforce": {"ca_bundle", "concurrency", "governor", "metrics", "storage", "telemetry"},
        "secrets": {"aws_region", "ca_bundle"},
        "storage": {"ca_bundle", "metrics"},
        "telemetry": {"ca_bundle"},
        "temporal": {"acting", "concurrency", "storage"},
        "warehouse": {"database", "storage"},
        "webhook": {"database", "storage", "warehouse"},
        "writeback": {"acting", "database", "metrics", "storage", "telemetry", "warehouse", "webhook"},
    },
    "activities": {
        "apply": {"quality", "request_reread", "runtime"},
        "audit": set(),
        "backfill": {"ingest", "runtime"},
        "drift": {"ingest", "runtime"},
        "erasure": {"apply", "runtime"},
        "export": {"runtime"},
        "governor": set(),
        "ingest": {"repair", "runtime"},
        "keys": {"apply", "runtime"},
        "model": {"runtime"},
        "planner": set(),
        "quality": {"request_reread"},
        "read_copy": {"apply"},
        "reconcile": {"apply", "runtime"},
        "repair": {"quality", "request_reread", "runtime"},
        "replay": {"apply", "request_reread", "runtime"},
        "request_reread": set(),
        "retention": {"apply", "quality", "runtime"},
        "runtime": set(),
        "webhook": {"runtime"},
        "writeback": {"runtime"},
    },
}


def imported_names(file: Path) -> Iterator[tuple[str, int]]:
    """The dotted names that a file imports, anywhere in it, and the lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import has no module of its own; ruff bans it.
            yield from ((f"{node.module or ''}.{alias.name}", node.lineno) for alias in node.names)


def imported_rooms(file: Path) -> Iterator[tuple[str, int]]:
    """The packages of ours that a file imports, anywhere in it, and the lines."""
    for name, line in imported_names(file):
        if (room := name.partition(".")[0]) in OURS:
            yield room, line


def capability_arrows(layer: Path, package: str = "") -> dict[str, set[str]]:
    """The capabilities of a layer, each with the others that it imports. A module at the layer's
    root is one of its own.

    `package` is the layer's dotted name; empty = its folder's name.
    """
    begins = f"{package or layer.name}."
    found: dict[str, set[str]] = {}
    for file in sorted(layer.rglob("*.py")):
        capability = file.relative_to(layer).parts[0].removesuffix(".py")
        if capability == "__init__":
            continue
        arrows = found.setdefault(capability, set())
        for name, _ in imported_names(file):
            other = name.removeprefix(begins).partition(".")[0]
            if name.startswith(begins) and other not in ("", capability):
                arrows.add(other)
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_before_it(room: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {other}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for other, line in imported_rooms(file)
        if other not in MAY_IMPORT[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", CAPABILITIES)
def test_a_capability_imports_only_those_that_the_table_gives_it(layer: str) -> None:
    assert capability_arrows(ROOT / layer) == CAPABILITIES[layer]


@pytest.mark.parametrize("layer", CAPABILITIES)
def test_the_arrows_between_capabilities_form_no_circle(layer: str) -> None:
    TopologicalSorter(CAPABILITIES[layer]).prepare()  # raises CycleError, which names the circle


def test_the_rooms_of_the_sandbox_org_form_no_circle() -> None:
    TopologicalSorter(capability_arrows(ROOT / "sandbox" / "org", "sandbox.org")).prepare()


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


def test_an_arrow_is_seen_from_a_package_and_from_a_module_of_the_root(tmp_path: Path) -> None:
    layer = tmp_path / "clients"
    (layer / "storage").mkdir(parents=True)
    (layer / "__init__.py").touch()
    (layer / "storage" / "chain.py").write_text(
        "from clients import oidc\nfrom clients.storage import objects\n"
    )
    (layer / "oidc.py").write_text("def run():\n    from clients.database.engine import open_engine\n")
    assert capability_arrows(layer) == {"oidc": {"database"}, "storage": {"oidc"}}
