"""The reporting model in a test's database: dbt compiles it once, and its statements are run as
dbt runs them, many times in the time that dbt takes to start.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg

from clients.database.address import DatabaseAddress
from clients.model.builder import ModelBuilder
from clients.model.dbt import find_dbt
from schemas.catalogue import Catalogue
from schemas.settings.model import ModelSettings
from schemas.settings.services import WarehouseSettings

Rows = dict[str, list[str]]


def builder(dsn: str, catalogue: Catalogue, settings: ModelSettings | None = None) -> ModelBuilder:
    """A builder for a database of the tests."""
    return ModelBuilder(
        settings or ModelSettings(),
        WarehouseSettings.model_validate({"dsn": dsn}),
        DatabaseAddress(lambda: dsn),
        catalogue,
    )


@dataclass(repr=False)  # Hypothesis shows it with a failing history
class CompiledModel:
    """The tables of the model, with the statement of each from nothing and of each as it goes
    on.
    """

    dsn: str
    folder: Path
    catalogue: Catalogue
    full: dict[str, str] = field(default_factory=dict)
    going_on: dict[str, str] = field(default_factory=dict)

    def compile(self) -> None:
        """Have dbt make the views and tables, and write down both statements."""
        made = builder(self.dsn, self.catalogue)
        made.write(self.folder)
        # No overlap: what a build takes beyond what arrived would hide what it forgets.
        dbt = made.opened(find_dbt(None), self.folder, {"overlap_minutes": 0, "partial": True})
        assert dbt.program_output("build", "--exclude", "resource_type:test") == ""
        assert dbt.program_output("compile") == ""
        self.going_on = dict(self._compiled())
        assert dbt.program_output("compile", "--full-refresh") == ""
        self.full = dict(self._compiled())

    @cached_property
    def tables(self) -> dict[str, str]:
        """Tables in the order of their dependencies, with dbt's materialisation."""
        manifest = json.loads((self.folder / "target" / "manifest.json").read_bytes())
        nodes: dict[str, Any] = {
            name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"
        }
        order = TopologicalSorter({name: node["depends_on"]["nodes"] for name, node in nodes.items()})
        kinds = [
            (nodes[name]["name"], nodes[name]["config"]["materialized"])
            for name in order.static_order()
            if name in nodes
        ]
        return {name: kind for name, kind in kinds if kind in ("table", "incremental")}

    def build(self, *, full: bool = False) -> None:
        """Do as `tidegate model build` does."""
        for _ in self.steps(full=full):
            pass

    def steps(self, *, full: bool = False) -> Iterator[str]:
        """A build that yields the name of each table that it has made: others may write between
        two.
        """
        started = datetime.now(UTC)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for name, kind in self.tables.items():
                from_nothing = full or kind == "table"
                # As dbt does it: the new rows are made beside those that they replace.
                with connection.transaction():
                    statement = self.full[name] if from_nothing else self.going_on[name]
                    _run(connection, f"create temp table new_rows as {statement}")
                    if from_nothing:
                        _run(connection, f"delete from model.{name}")
                    else:
                        _run(
                            connection,
                            f"delete from model.{name} using new_rows where new_rows.record_id = {name}.record_id",
                        )
                    _run(connection, f"insert into model.{name} select * from new_rows")
                    _run(connection, "drop table new_rows")
                yield name
            connection.execute("insert into model.model_builds values ('x', %s, now())", (started,))

    def empty(self) -> None:
        """Forget every row of the warehouse and of the model, but seeds."""
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(
                "select schemaname || '.' || tablename from pg_tables "
                "where schemaname in ('curated', 'audit', 'ops', 'model') and tablename not in ('names', 'status_meaning')"
            ).fetchall()
            for (table,) in found:
                _run(connection, f"delete from {table}")

    def contents(self) -> Rows:
        """Every row of every table, sorted."""
        with psycopg.connect(self.dsn) as connection:
            return {
                name: sorted(
                    str(row)
                    for (row,) in connection.execute(f"select row_to_json(t.*)::text from model.{name} t")
                )
                for name in self.tables
            }

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def relations(self) -> Iterator[tuple[str, str, str]]:
        """Table, key column and dimension of every test of the project that a key finds its row."""
        manifest = json.loads((self.folder / "target" / "manifest.json").read_bytes())
        for node in manifest["nodes"].values():
            if (node.get("test_metadata") or {}).get("name") == "relationships":
                dimension = node["test_metadata"]["kwargs"]["to"].split("'")[1]
                yield node["attached_node"].rpartition(".")[2], node["column_name"], dimension

    def _compiled(self) -> Iterator[tuple[str, str]]:
        for file in (self.folder / "target" / "compiled" / "tidegate" / "models").rglob("*.sql"):
            yield file.stem, file.read_text(encoding="utf-8")


def _run(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(statement.encode())
