"""Builds of the reporting model that a person asks for: each is on record before it begins
(law 9).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clients.database.audit_log import AuditLog
from clients.model.builder import ModelBuilder
from schemas.ids import model_workflow_id
from schemas.ingest.messages import Act
from schemas.model import ModelCommand, ModelRun

BUILT = "model.build"
"""The act's name in the audit log."""


@dataclass(frozen=True)
class ModelActs:
    """Builds under a person's name."""

    builder: ModelBuilder
    audit: AuditLog
    org: str

    def build(
        self,
        *,
        by: str,
        reason: str,
        full: bool = False,
        select: str = "",
        folder: Path | None = None,
    ) -> ModelRun:
        """Build the model.

        Args:
            by: Who asks.
            reason: Why; "" = not said.
            full: From nothing.
            select: As of `ModelBuilder.run`.
            folder: Likewise.

        Raises:
            UnavailableError: The act cannot be recorded, so nothing is built.
            TidegateError: As `ModelBuilder.run`.
        """
        said = ["from nothing" if full else "what arrived since the last build"]
        said += [f"only {select}"] if select else []
        said += [reason] if reason else []
        target = model_workflow_id(self.org)
        act = Act(act=BUILT, by=by, target=target, detail=": ".join(said), at=datetime.now(UTC))
        self.audit.append(act)
        return self.builder.run(ModelCommand.BUILD, full=full, select=select, folder=folder)
