"""Every failure Tidegate can report, and whether trying again can help.

TidegateError
├── TransientError                 trying again may help
│   ├── UnavailableError           a remote system does not answer, or answers with its own failure
│   │   └── CallTooSlowError       it would take too long: less must be asked for
│   ├── UnknownOutcomeError        a write was sent and nobody knows whether it was carried out
│   ├── RateLimitedError           try again no sooner than `retry_after`
│   │   └── BudgetSpentError       the governor grants no token now
│   ├── StreamBrokenError          a stream ended; it is opened again from the last position
│   ├── SchemaChangedError         the org has other fields than the catalogue
│   ├── CatalogueBehindError       this process does not know yet how the catalogue was changed
│   └── ObjectHeldError            an object's batches wait until an operator releases them
└── TerminalError                  trying again cannot help; somebody has to act
    ├── CredentialsRejectedError   the remote system refuses who we are
    ├── CallRefusedError           Salesforce refuses a call as it was made
    ├── CatalogueError             the catalogue file is wrong
    │   └── UnknownObjectError     an object that the catalogue lacks
    ├── CatalogueNotMadeError      the org describes an object in a way of which no catalogue can be made
    ├── ReplayExpiredError         the stream no longer holds the position
    ├── ChainBrokenError           raw batches do not form one chain
    ├── JobLostError               a query job is gone with rows unread
    ├── RowsMissingError           a query job gave other rows than it counts
    ├── BatchFailedError           a batch's workflow failed
    ├── WindowDoneError            a backfill of the same window is done
    ├── WindowTakenError           a backfill of the same window reads something else
    ├── LedgerImbalanceError       landed != applied + duplicate + quarantined
    ├── StatementError             the warehouse refuses a statement
    └── SettingsError              a setting, port or file that cannot be used

A class takes facts, keeps them as attributes, and writes its sentence once; the sentence ends with what to do.
A change that is bad data is not an error: it is a row in quarantine.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

_NOT_FOUND = 404


class TidegateError(Exception):
    """Base of every error of ours."""


class TransientError(TidegateError):
    """Trying again may help."""

    retry_after: timedelta | None = None
    """No sooner than that; None = the caller that tries again decides."""


class TerminalError(TidegateError):
    """Trying again cannot help."""


class UnavailableError(TransientError):
    """A remote system did not answer, or answered that it cannot serve now."""

    def __init__(self, *, system: str, detail: str) -> None:
        self.system = system
        self.detail = detail
        super().__init__(f"{system} is unavailable: {detail}. The step is tried again by itself.")


class CallTooSlowError(UnavailableError):
    """A call was given up because it took too long, by Salesforce or by us; a narrower one may succeed."""

    def __init__(self, *, system: str, detail: str) -> None:
        self.system = system
        self.detail = detail
        TransientError.__init__(
            self, f"{system} took too long: {detail}. The step is tried again by itself, asking for less."
        )


class UnknownOutcomeError(TransientError):
    """A write was sent, and nobody knows whether the remote system carried it out: it is looked up before it is sent again."""

    def __init__(self, *, system: str, detail: str, is_over: bool) -> None:
        self.system = system
        self.is_over = is_over
        """True: the system itself has answered, so what it did is done. False: it may still be at it."""
        super().__init__(
            f"{system} may or may not have carried out a write: {detail}. It is looked up before anything is sent again."
        )


class RateLimitedError(TransientError):
    """A remote system asks us to come back later."""

    retry_after: timedelta

    def __init__(self, *, system: str, detail: str, retry_after: timedelta) -> None:
        self.system = system
        self.retry_after = retry_after
        super().__init__(
            f"{system} refuses for now: {detail}. Next try in {retry_after.total_seconds():.0f} s."
        )


class BudgetSpentError(RateLimitedError):
    """The governor grants no token for a call now; the call was not made."""

    def __init__(self, *, budget: str, lease_class: str, reason: str, retry_after: timedelta) -> None:
        self.budget = budget
        self.lease_class = lease_class
        self.system = "The governor"
        self.retry_after = retry_after
        TransientError.__init__(
            self,
            f"The governor grants no {budget} to {lease_class} now: {reason}. Nothing was sent; next try in "
            f"{retry_after.total_seconds():.0f} s. `tidegate budget` shows who spends it.",
        )


class StreamBrokenError(TransientError):
    """A subscription ended; nothing is lost, it is opened again from the last landed position."""

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The stream of lane {lane} broke: {detail}. It is opened again from the last position."
        )


class SchemaChangedError(TransientError):
    """A call names a field that the org does not have any more, or has of another type; a check of the schema holds it back."""

    def __init__(self, *, call: str, detail: str) -> None:
        self.call = call
        super().__init__(
            f"The org has other fields than {call} names ({detail}). The schema is checked and the step tried again by itself; "
            "`tidegate drift` says what was found."
        )


class CatalogueBehindError(TransientError):
    """A step was begun with a catalogue that has been changed since."""

    def __init__(self, *, object_name: str) -> None:
        self.object_name = object_name
        super().__init__(
            f"The fields of {object_name} were changed, and this process has only now heard of it. "
            "The step is tried again by itself."
        )


class ObjectHeldError(TransientError):
    """Too many changes of a batch broke rules of severity `reject`; the object's batches wait, and raw goes on landing."""

    retry_after = timedelta(seconds=30)

    def __init__(self, *, object_name: str, reason: str) -> None:
        self.object_name = object_name
        self.reason = reason
        super().__init__(
            f"{object_name} is held: {reason} Look at `tidegate quality {object_name}`, then release it: "
            f"`tidegate quality release {object_name} --reason …`."
        )


class CredentialsRejectedError(TerminalError):
    """A remote system refuses our credentials."""

    def __init__(self, *, system: str, code: str, detail: str, setting: str) -> None:
        self.system = system
        self.code = code
        super().__init__(f"{system} rejects the credentials ({code}: {detail}). Check {setting}.")


class CallRefusedError(TerminalError):
    """Salesforce refuses a call for what it asks."""

    def __init__(self, *, call: str, status: int, code: str, detail: str, words: str = "") -> None:
        """`words` is what Salesforce says where that may quote a record's values: it is in no message, so in no log."""
        self.call = call
        self.status = status
        self.code = code
        self.code = code
        self.words = words or detail
        self.is_missing = status == _NOT_FOUND
        super().__init__(
            f"Salesforce refuses {call} ({status} {code}: {detail}). Compare the catalogue and the integration user's "
            "permissions with the org, fix what differs, and run the step again."
        )


class CatalogueError(TerminalError):
    """The catalogue file cannot be used."""

    def __init__(self, *, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = list(problems)
        listed = "\n  ".join(self.problems)
        super().__init__(f"The catalogue {path} is not valid:\n  {listed}\nCorrect the file and start again.")


class UnknownObjectError(CatalogueError):
    """An object that the catalogue lacks."""

    def __init__(self, *, object_name: str, known: Sequence[str]) -> None:
        self.object_name = object_name
        TerminalError.__init__(
            self,
            f"The object {object_name} is not in the catalogue (it has {', '.join(known)}). "
            "Add it to schemas/catalogue.yaml, or correct the name.",
        )


class CatalogueNotMadeError(TerminalError):
    """No catalogue can be generated as asked; nothing was written."""

    def __init__(self, *, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        listed = "\n  ".join(self.problems)
        super().__init__(
            f"No catalogue was made, and nothing was written:\n  {listed}\nMend what is named, or leave the object out, and run it again."
        )


class ReplayExpiredError(TerminalError):
    """The event bus no longer holds the position from which the lane would continue."""

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

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The chain of lane {lane} is broken: {detail}. Do not delete raw files or manifests."
        )


class JobLostError(TerminalError):
    """The query job of a backfill's part failed or is gone, and rows of it were not read."""

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The query job of {lane} is lost: {detail}. The part is read again with another job, by itself."
        )


class RowsMissingError(TerminalError):
    """The landed rows of a query job differ from the org's count for its result."""

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

    def __init__(self, *, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(
            f"The batch {workflow_id} failed. Its workflow says why; fix that, then start the backfill again: "
            "it goes on where it stopped."
        )


class WindowDoneError(TerminalError):
    """A backfill that is asked for again was done before."""

    def __init__(self, *, object_name: str, window: str, rows: int, at: datetime | None) -> None:
        self.object_name = object_name
        self.window = window
        self.at = at
        when = "before" if at is None else f"at {at:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(
            f"The backfill of {object_name}, window {window}, was done {when} with {rows:,} rows. "
            "To read the rows again, give another --window, or --again."
        )


class WindowTakenError(TerminalError):
    """A backfill is asked for under the name of one that reads something else."""

    def __init__(self, *, object_name: str, window: str) -> None:
        self.object_name = object_name
        self.window = window
        super().__init__(
            f"The window {window} of {object_name} was begun with other bounds or records. Give this one another --window."
        )


class LedgerImbalanceError(TerminalError):
    """Law 8 does not hold for a batch: some change is unaccounted for."""

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

    def __init__(self, *, statement: str, detail: str) -> None:
        self.statement = statement
        self.detail = detail
        super().__init__(
            f"The warehouse refuses a statement ({detail}): {statement[:300]}. "
            "Compare the table with schemas/tables.py and fix it; the step can then be run again."
        )


class SettingsError(TerminalError):
    """A setting, a port or a file cannot be used as given."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
