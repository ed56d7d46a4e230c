"""The reporting model of one warehouse: its project written out, and dbt run over it."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.database.address import DatabaseAddress
from clients.database.connect import connect_postgres
from clients.model.dbt import Dbt, find_dbt
from clients.model.profile import profile_text
from schemas.catalogue import Catalogue
from schemas.errors import ActRefusedError
from schemas.model import ModelCommand, ModelRun
from schemas.settings.model import ModelSettings
from schemas.settings.services import WarehouseSettings
from transforms.model import ModelProject, model_project

_LOCK = "SELECT pg_try_advisory_lock(hashtext('tidegate model'))"
_KEPT = "target"
"""dbt's own state in the project's folder: what it has parsed, and what it did last."""


@dataclass(frozen=True)
class ModelBuilder:
    """Builds, tests and documents the model. Its methods block."""

    settings: ModelSettings
    warehouse: WarehouseSettings
    address: DatabaseAddress
    catalogue: Catalogue
    """With the names that the warehouse has, and the decisions about the schema."""

    def project(self) -> ModelProject:
        """The project of the catalogue as it is now."""
        self.catalogue.follow()
        return model_project(self.catalogue, (self.settings.freshness_warning, self.settings.freshness_error))

    def write(self, folder: Path) -> ModelProject:
        """Write the project to a folder in place of the one that is there."""
        made = self.project()
        write_project(made, folder)
        return made

    def run(
        self, command: ModelCommand, *, full: bool = False, select: str = "", folder: Path | None = None
    ) -> ModelRun:
        """Run a command of dbt over the project.

        Args:
            command: What to do.
            full: Of a build: from nothing.
            select: dbt's own selection of models; empty = all.
            folder: Where the project is written and stays, with dbt's state. None = a temporary
                one.

        Raises:
            ActRefusedError: Another build of this warehouse runs.
            ModelBuildError: dbt could not begin.
            SettingsError: dbt is not installed.
        """
        program = find_dbt(self.settings.dbt)
        with _folder(folder) as place, self._alone(command):
            self.write(place)
            dbt = self.opened(program, place, {"partial": bool(select)})
            options = ["--full-refresh"] if full else []
            if select:
                options += ["--select", select]
            if select and command is not ModelCommand.FRESHNESS:
                # A test that compares with a model outside of the selection may find none there.
                options += ["--indirect-selection", "buildable"]
            return dbt.run(command, *options)

    def document(self, out: Path, *, folder: Path | None = None) -> None:
        """Write the model's documentation as one HTML page. Raises as `run`, and `OSError`."""
        with _folder(folder) as place:
            self.run(ModelCommand.DOCS, folder=place)
            shutil.copyfile(place / "target" / "static_index.html", out)

    def news_since(self) -> str:
        """The query whose one value is true when something was applied since the last build, or
        when none was made.
        """
        minutes = self._overlap_minutes
        return (
            "SELECT COUNT(*) > 0 OR (SELECT COUNT(*) FROM "
            f"{self.settings.database_schema}.model_builds) = 0 FROM ops.ledger WHERE committed_at >= "
            f"(SELECT MAX(started_at) - INTERVAL '{minutes} minutes' FROM {self.settings.database_schema}.model_builds)"
        )

    @property
    def _overlap_minutes(self) -> int:
        return max(1, int(self.settings.overlap.total_seconds() // 60))

    def opened(self, program: Path, folder: Path, variables: Mapping[str, Any]) -> Dbt:
        """Open dbt over a project that was written to `folder`, with a profile put beside it.
        `variables` are dbt's vars over those of the settings.
        """
        profile, password = profile_text(
            self.address.url(),
            kind=self.warehouse.kind,
            schema=self.settings.database_schema,
            threads=self.settings.threads,
        )
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")
        of_settings = {
            "overlap_minutes": self._overlap_minutes,
            "readers": list(self.settings.readers),
            "stewards": list(self.settings.stewards),
        }
        return Dbt(program, folder, password, of_settings | dict(variables))

    @contextmanager
    def _alone(self, command: ModelCommand) -> Iterator[None]:
        """Keep another build of this warehouse out: two would write the same rows twice."""
        if command is not ModelCommand.BUILD or self.warehouse.kind != "postgres":
            yield
            return
        with connect_postgres(self.address, autocommit=True) as connection:
            ((is_free,),) = connection.execute(_LOCK).fetchall()
            if not is_free:
                raise ActRefusedError(detail="Another build of the reporting model runs. Wait for its end.")
            yield


def write_project(project: ModelProject, folder: Path) -> None:
    """Write the project's files; what a former one left is removed, dbt's state stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.is_dir() and each.name != _KEPT:
            shutil.rmtree(each)
    for path, text in project.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-model-") as made:
        yield Path(made)
