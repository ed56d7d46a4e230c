"""Messages of the reporting model's builds."""

from enum import StrEnum

from schemas.message import Message


class ModelCommand(StrEnum):
    """A command of dbt."""

    BUILD = "build"
    """Seeds, models and tests, in the order of their dependencies."""
    TEST = "test"
    DOCS = "docs"
    FRESHNESS = "freshness"


class ModelBuildInput(Message):
    """Ask for a build."""

    org: str
    full: bool = False
    """True: from nothing. False: what arrived since the last build."""


class ModelProblem(Message):
    """A model that was not built, or a test that failed."""

    name: str
    status: str
    """dbt's own word: error, fail, warn, skipped."""
    detail: str


class ModelRun(Message):
    """The result of one run of dbt."""

    models: int = 0
    """Models and seeds that were built."""
    tests: int = 0
    """Tests that passed, and checks of freshness."""
    seconds: float = 0
    problems: tuple[ModelProblem, ...] = ()

    @property
    def is_well(self) -> bool:
        """True when nothing failed; warnings are well."""
        return all(each.status == "warn" for each in self.problems)
