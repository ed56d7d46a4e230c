"""Every failure Tidegate can report, and whether trying again can help.

TidegateError
├── TransientError                 trying again may help
│   ├── UnavailableError           a remote system does not answer, or answers with its own failure
│   │   ├── CallTooSlowError       it would take too long: less must be asked for
│   │   └── SessionEndedError      Salesforce ended a session that it had just given
│   ├── UnknownOutcomeError        a write was sent and nobody knows whether it was carried out
│   ├── RateLimitedError           try again no sooner than `retry_after`
│   │   └── BudgetSpentError       the governor grants no token now
│   ├── StreamBrokenError          a stream ended; it is opened again from the last position
│   ├── SchemaChangedError         the org has other fields than the catalogue
│   ├── StaleCatalogueError        this process does not know yet how the catalogue was changed
│   ├── ReadCopyError              the read copy of an object is not filled, or differs
│   └── ObjectHeldError            an object's batches wait until an operator releases them
└── TerminalError                  trying again cannot help; somebody has to act
    ├── CredentialsRejectedError   the remote system refuses who we are
    ├── CallRefusedError           Salesforce refuses a call as it was made
    ├── CatalogueError             the catalogue file is wrong
    │   └── UnknownObjectError     an object that the catalogue lacks
    ├── MigrationMissingError      a store lacks tables of this release, and we may not make them
    ├── CatalogueNotMadeError      the org describes an object in a way of which no catalogue can be made
    ├── ReplayExpiredError         the stream no longer holds the position
    ├── ChainBrokenError           raw batches do not form one chain
    ├── JobLostError               a query job is gone with rows unread
    ├── RowsMissingError           a query job gave other rows than it counts
    ├── BatchFailedError           a batch's workflow failed
    ├── RunAlreadyCompletedError   a backfill of the same window is done
    ├── RunConflictError           a backfill of the same window reads something else
    ├── KeyUsedError               an idempotency key stands for another request
    ├── DataKeyMissingError        a data key is gone that values are encrypted with
    ├── WrongDataKeyError          another key is in the place of a data key
    ├── ObjectMissingError         the object store has no such object
    ├── LedgerImbalanceError       landed != applied + duplicate + quarantined
    ├── StatementError             the warehouse refuses a statement
    ├── ModelBuildError            dbt ended before it could say what it did
    ├── ActRefusedError            a workflow refuses what an operator asks of it
    └── SettingsError              a setting, port or file that cannot be used

A class takes facts, keeps them as attributes, and writes its sentence once; the sentence ends
with what to do. Its `code` is stored in Temporal's histories and compared there; the class may
be renamed, the code never (`tests/unit/test_errors.py`). A change that is bad data is not an
error: it is a row in quarantine.
"""

from schemas.errors.base import (
    TerminalError,
    TidegateError,
    TransientError,
)
from schemas.errors.model import ModelBuildError
from schemas.errors.terminal import (
    ActRefusedError,
    BatchFailedError,
    CallRefusedError,
    CatalogueError,
    CatalogueNotMadeError,
    ChainBrokenError,
    CredentialsRejectedError,
    DataKeyMissingError,
    JobLostError,
    KeyUsedError,
    LedgerImbalanceError,
    MigrationMissingError,
    ObjectMissingError,
    ReplayExpiredError,
    RowsMissingError,
    RunAlreadyCompletedError,
    RunConflictError,
    SettingsError,
    StatementError,
    UnknownObjectError,
    WrongDataKeyError,
)
from schemas.errors.transient import (
    BudgetSpentError,
    CallTooSlowError,
    ObjectHeldError,
    RateLimitedError,
    ReadCopyError,
    SchemaChangedError,
    SessionEndedError,
    StaleCatalogueError,
    StreamBrokenError,
    UnavailableError,
    UnknownOutcomeError,
)

__all__ = [
    "ActRefusedError",
    "BatchFailedError",
    "BudgetSpentError",
    "CallRefusedError",
    "CallTooSlowError",
    "CatalogueError",
    "CatalogueNotMadeError",
    "ChainBrokenError",
    "CredentialsRejectedError",
    "DataKeyMissingError",
    "JobLostError",
    "KeyUsedError",
    "LedgerImbalanceError",
    "MigrationMissingError",
    "ModelBuildError",
    "ObjectHeldError",
    "ObjectMissingError",
    "RateLimitedError",
    "ReadCopyError",
    "ReplayExpiredError",
    "RowsMissingError",
    "RunAlreadyCompletedError",
    "RunConflictError",
    "SchemaChangedError",
    "SessionEndedError",
    "SettingsError",
    "StaleCatalogueError",
    "StatementError",
    "StreamBrokenError",
    "TerminalError",
    "TidegateError",
    "TransientError",
    "UnavailableError",
    "UnknownObjectError",
    "UnknownOutcomeError",
    "WrongDataKeyError",
]
