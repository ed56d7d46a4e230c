"""The manifest of an export of an object's tables, beside its files; and messages of scheduled
exports.
"""

from pydantic import AwareDatetime

from schemas.message import Message

TABLES = ("current", "history", "change")
"""The tables of an object, by the names of their folders."""


class ExportedFile(Message):
    """One Parquet file."""

    path: str
    """Below the object's folder: `current/7-0000.parquet`."""
    rows: int
    bytes: int


class ObjectExport(Message):
    """The files that hold an object as of one commit. A reader takes those that are named here, and
    no others.
    """

    object: str
    commit: int
    """Number of the object's last commit that the files show; 0 = nothing was applied."""
    applied_at: AwareDatetime | None
    """When that commit was applied. None = as of commit 0."""
    exported_at: AwareDatetime
    left_out: tuple[str, ...]
    """Fields that are not exported: an erasure takes their values, and reaches no export."""
    current: tuple[ExportedFile, ...] = ()
    history: tuple[ExportedFile, ...] = ()
    """Empty where the catalogue keeps no history of the object."""
    change: tuple[ExportedFile, ...] = ()
    """The change log since the first export, each change once: a file or more of each export."""

    def rows(self, table: str) -> int:
        """Rows of one of `TABLES`."""
        files: tuple[ExportedFile, ...] = getattr(self, table)
        return sum(each.rows for each in files)


class ExportInput(Message):
    """Ask for an export of what the settings name."""

    org: str


class ExportProblem(Message):
    """An object that was not exported; its manifest is that of the export before."""

    object: str
    detail: str


class ExportRun(Message):
    """The result of one export."""

    objects: int = 0
    """Objects whose manifest shows their last commit."""
    written: int = 0
    """Those of them that were written; to the others nothing was applied."""
    seconds: float = 0
    problems: tuple[ExportProblem, ...] = ()
