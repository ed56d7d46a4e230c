"""Errors after which somebody has to act."""

from collections.abc import Sequence
from datetime import datetime

from schemas.errors.base import TerminalError

_NOT_FOUND = 404


class CredentialsRejectedError(TerminalError):
    """A remote system refuses our credentials."""

    code = "CredentialsRejectedError"

    def __init__(self, *, system: str, error_code: str, detail: str, setting: str) -> None:
        self.system = system
        self.error_code = error_code
        """The system's own code: an HTTP status, an OAuth error, an SQLSTATE."""
        super().__init__(f"{system} rejects the credentials ({error_code}: {detail}). Check {setting}.")


class CallRefusedError(TerminalError):
    """Salesforce refuses a call for what it asks."""

    code = "CallRefusedError"

    def __init__(self, *, call: str, status: int, error_code: str, detail: str, words: str = "") -> None:
        """`words` is what Salesforce says where that may quote a record's values: it is in no
        message, so in no log.
        """
        self.call = call
        self.status = status
        self.error_code = error_code
        """Salesforce's own, as `INVALID_FIELD`."""
        self.words = words or detail
        self.is_missing = status == _NOT_FOUND
        super().__init__(
            f"Salesforce refuses {call} ({status} {error_code}: {detail}). Check the catalogue entry and the "
            "integration user's field permissions, fix the mismatch, and run the step again."
        )


class CatalogueError(TerminalError):
    """The catalogue file cannot be used."""

    code = "CatalogueError"

    def __init__(self, *, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = list(problems)
        listed = "\n  ".join(self.problems)
        super().__init__(f"The catalogue {path} is not valid:\n  {listed}\nCorrect the file and start again.")


class MigrationMissingError(TerminalError):
    """A store lacks tables or columns of this release, and this process may not make them."""

    code = "MigrationMissingError"

    def __init__(self, *, system: str, missing: str, detail: str) -> None:
        self.system = system
        super().__init__(
            f"{system} lacks {missing}, and this process may not make it ({detail}). "
            "Run `tidegate migrate` as a user who may, with the same release and catalogue, then start again."
        )


class UnknownObjectError(CatalogueError):
    """An object that the catalogue lacks."""

    code = "UnknownObjectError"

    def __init__(self, *, object_name: str, known: Sequence[str]) -> None:
        self.object_name = object_name
        TerminalError.__init__(
            self,
            f"The object {object_name} is not in the catalogue (it has {', '.join(known)}). "
            "Add it to schemas/catalogue.yaml, or correct the name.",
        )


class CatalogueNotMadeError(TerminalError):
    """No catalogue can be generated as asked; nothing was written."""

    code = "CatalogueNotMadeError"

    def __init__(self, *, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        listed = "\n  ".join(self.problems)
        super().__init__(
            f"No catalogue was made, and nothing was written:\n  {listed}\nFix the listed names, or leave the object out, and run it again."
        )


class ReplayExpiredError(TerminalError):
    """The event bus no longer holds the position from which the lane would continue."""

    code = "ReplayExpiredError"

    def __init__(self, *, lane: str, position: str, detail: str) -> None:
        self.lane = lane
        self.position = position
        super().__init__(
            f"Lane {lane} cannot continue at {position}: {detail}. The events between were not received; the lane goes on "
            "with new ones and has the rest read again, by itself. Where it cannot, backfill its objects since its last "
            "batch, then move the lane's position."
        )


class ChainBrokenError(TerminalError):
    """A lane's manifests do not form one chain."""

    code = "ChainBrokenError"

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The chain of lane {lane} is broken: {detail}. Do not delete raw files or manifests."
        )


class JobLostError(TerminalError):
    """The query job of a backfill's part failed or is gone, and rows of it were not read."""

    code = "JobLostError"

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The query job of {lane} is lost: {detail}. The part is read again with another job, by itself."
        )


class RowsMissingError(TerminalError):
    """The landed rows of a query job differ from the org's count for its result."""

    code = "RowsMissingError"

    def __init__(self, *, lane: str, job: str, expected: int, found: int) -> None:
        self.lane = lane
        self.job = job
        self.expected = expected
        self.found = found
        super().__init__(
            f"Query job {job} has {expected} rows by Salesforce's count, and {found} were landed in {lane}. "
            "The part is read again with another job, by itself."
        )


class BatchFailedError(TerminalError):
    """A batch that was landed could not be applied."""

    code = "BatchFailedError"

    def __init__(self, *, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(
            f"The batch {workflow_id} failed. Its workflow says why; fix that, then start the backfill again: "
            "it goes on where it stopped."
        )


class RunAlreadyCompletedError(TerminalError):
    """A backfill that is asked for again was done before."""

    code = "WindowDoneError"

    def __init__(self, *, object_name: str, window: str, rows: int, at: datetime | None) -> None:
        self.object_name = object_name
        self.window = window
        self.at = at
        when = "before" if at is None else f"at {at:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(
            f"The backfill of {object_name}, window {window}, was done {when} with {rows:,} rows. "
            "To read the rows again, give another --name, or --again."
        )


class RunConflictError(TerminalError):
    """A backfill is asked for under the name of one that reads something else."""

    code = "WindowTakenError"

    def __init__(self, *, object_name: str, window: str) -> None:
        self.object_name = object_name
        self.window = window
        super().__init__(
            f"The window {window} of {object_name} was begun with other bounds or records. Give this one another --name."
        )


class LedgerImbalanceError(TerminalError):
    """Law 8 does not hold for a batch: some change is unaccounted for."""

    code = "LedgerImbalanceError"

    def __init__(
        self, *, batch: str, object_name: str, landed: int, applied: int, duplicate: int, quarantined: int
    ) -> None:
        self.batch = batch
        self.object_name = object_name
        super().__init__(
            f"{batch} {object_name}: landed {landed} != applied {applied} + duplicate {duplicate} + "
            f"quarantined {quarantined}. Nothing was committed; this is a fault of Tidegate, report it."
        )


class StatementError(TerminalError):
    """The warehouse refuses a statement for a reason that will not pass."""

    code = "StatementError"

    def __init__(self, *, statement: str, detail: str) -> None:
        self.statement = statement
        self.detail = detail
        super().__init__(
            f"The warehouse refuses a statement ({detail}): {statement[:300]}. "
            "Compare the table with schemas/tables.py and fix it; the step can then be run again."
        )


class ActRefusedError(TerminalError):
    """A workflow or a store refuses what an operator asks of it; its own sentence says what to
    do.
    """

    code = "ActRefusedError"

    def __init__(self, *, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class SettingsError(TerminalError):
    """A setting, a port or a file cannot be used as given."""

    code = "SettingsError"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class KeyUsedError(TerminalError):
    """A caller sends another request with an idempotency key that it has used."""

    code = "KeyUsedError"

    def __init__(self, *, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(
            f"This Idempotency-Key was used for another request, which is {workflow_id}. Send what was sent then, or "
            "make up a new key."
        )


class DataKeyMissingError(TerminalError):
    """A data key is gone, and values are encrypted with it."""

    code = "DataKeyMissingError"

    def __init__(self, *, org: str, where: str, evidence: str) -> None:
        self.org = org
        self.where = where
        super().__init__(
            f"The data key {where} is gone, and values are encrypted with it: {evidence}. Bring the object's last version "
            "back (aws s3api list-object-versions, then copy-object), or restore it from your copy of keys/, and start again. "
            "No other key was made."
        )


class WrongDataKeyError(TerminalError):
    """The object at a data key's place is not the key that values are encrypted with."""

    code = "WrongDataKeyError"

    def __init__(self, *, where: str, found: str) -> None:
        self.where = where
        self.found = found
        super().__init__(
            f"The data key {where} is not the one that values are encrypted with: {found}. Bring the object's earlier "
            "version back (aws s3api list-object-versions, then copy-object), or give the engine's role the KMS key back "
            "that it was made with, and start again. Do not delete the object."
        )


class ObjectMissingError(TerminalError):
    """The object store has no such object."""

    code = "ObjectMissingError"

    def __init__(self, *, bucket: str, key: str) -> None:
        self.key = key
        super().__init__(
            f"s3://{bucket}/{key} does not exist. If it was deleted, restore it from its version."
        )
