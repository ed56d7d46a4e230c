"""Every failure of ours says whether trying again helps, and ends with what to do."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest

import activities
import clients
import schemas
import transforms
import workers
import workflows
from activities.runtime.error_interceptor import MESSAGE_LENGTH, as_application_error
from clients.temporal.runs import RunExistsError
from schemas import errors
from schemas.errors import RateLimitedError, TerminalError, TidegateError, TransientError

BASES = {TidegateError, TransientError, TerminalError}
SYSTEM = {"system": "S3", "detail": "it said so"}

# Histories, alerts and other people's dashboards compare these strings. Add, never change: a class
# that is renamed keeps its code.
CODES = {
    "ActRefusedError",
    "BatchFailedError",
    "BudgetSpentError",
    "CallRefusedError",
    "CallTooSlowError",
    "CatalogueBehindError",
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
    "RunExistsError",
    "SchemaChangedError",
    "SessionEndedError",
    "SettingsError",
    "StatementError",
    "StreamBrokenError",
    "UnavailableError",
    "UnknownObjectError",
    "UnknownOutcomeError",
    "WindowDoneError",
    "WindowTakenError",
    "WrongDataKeyError",
}

# An example of every class, and the words that its message must end with.
EXAMPLES: dict[type[TidegateError], tuple[TidegateError, str]] = {
    type(example): (example, last)
    for example, last in [
        (errors.UnavailableError(**SYSTEM), "The step is tried again by itself."),
        (errors.CallTooSlowError(**SYSTEM), "asking for less."),
        (errors.UnknownOutcomeError(**SYSTEM, is_over=False), "before anything is sent again."),
        (errors.RateLimitedError(**SYSTEM, retry_after=timedelta(minutes=1)), "Next try in 60 s."),
        (errors.JobLostError(lane="l", detail="d"), "with another job, by itself."),
        (errors.RowsMissingError(lane="l", job="j", expected=2, found=1), "with another job, by itself."),
        (errors.DataKeyMissingError(org="o", where="s3://b/k", evidence="e"), "No other key was made."),
        (errors.WrongDataKeyError(where="s3://b/k", found="f"), "Do not delete the object."),
        (errors.BatchFailedError(workflow_id="w"), "it goes on where it stopped."),
        (errors.RunConflictError(object_name="Case", window="all"), "Give this one another --name."),
        (errors.RunAlreadyCompletedError(object_name="Case", window="all", rows=1, at=None), "or --again."),
        (
            errors.BudgetSpentError(
                budget="api_calls",
                lease_class="backfill",
                reason="r",
                retry_after=timedelta(seconds=30),
            ),
            "`tidegate budget` shows who spends it.",
        ),
        (errors.StreamBrokenError(lane="l", detail="d"), "It is opened again from the last position."),
        (errors.SchemaChangedError(call="GET /x", detail="d"), "see `tidegate drift`."),
        (errors.SessionEndedError(detail="d"), "ends the integration user's sessions."),
        (errors.StaleCatalogueError(object_name="Case"), "The step is tried again by itself."),
        (
            errors.ReadCopyError(object_name="Case", because="is not filled yet"),
            "ask again when it is done.",
        ),
        (
            errors.ObjectHeldError(object_name="Case", reason="9 of 10 changes break rules."),
            "`tidegate quality release Case --reason …`.",
        ),
        (
            errors.CredentialsRejectedError(**SYSTEM, error_code="401", setting="TIDEGATE_X"),
            "Check TIDEGATE_X.",
        ),
        (
            errors.CallRefusedError(call="GET /x", status=400, error_code="INVALID_FIELD", detail="d"),
            "and run the step again.",
        ),
        (errors.CatalogueError(path="c.yaml", problems=["p"]), "Correct the file and start again."),
        (
            errors.MigrationMissingError(system="PostgreSQL", missing="the table t", detail="d"),
            "then start again.",
        ),
        (errors.UnknownObjectError(object_name="X", known=["Case"]), "or correct the name."),
        (errors.ReplayExpiredError(lane="l", position="7", detail="d"), "then move the lane's position."),
        (errors.CatalogueNotMadeError(problems=["Case: p"]), "run it again."),
        (errors.ChainBrokenError(lane="l", detail="d"), "Do not delete raw files or manifests."),
        (
            errors.LedgerImbalanceError(
                batch="l/7", object_name="Case", landed=3, applied=1, duplicate=1, quarantined=0
            ),
            "this is a fault of Tidegate, report it.",
        ),
        (errors.StatementError(statement="SELECT 1", detail="d"), "the step can then be run again."),
        (errors.ModelBuildError(command="build", status=2, detail="d"), "the project that it was given."),
        (errors.ActRefusedError(detail="The lane runs. Pause it, then move it."), "Pause it, then move it."),
        (errors.SettingsError("The port is taken. Choose another."), "Choose another."),
        (errors.ObjectMissingError(bucket="b", key="k"), "restore it from its version."),
        (errors.KeyUsedError(workflow_id="backfill/o/Case/all"), "or make up a new key."),
        (RunExistsError(workflow_id="backfill/o/Case/all"), "or give yours another name."),
    ]
}


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def every_error() -> set[type[TidegateError]]:
    for package in (schemas, transforms, clients, activities, workflows, workers):
        list(modules(package))
    found = {TidegateError}
    new = found
    while new:
        new = {below for above in new for below in above.__subclasses__()} - found
        found = found | new
    return found - BASES


def test_every_error_is_either_transient_or_terminal() -> None:
    undecided = {
        error
        for error in every_error()
        if issubclass(error, TransientError) == issubclass(error, TerminalError)
    }
    assert undecided == set()


def test_every_error_has_an_example_here() -> None:
    assert every_error() == set(EXAMPLES)


def test_every_error_has_a_code_of_its_own_and_no_code_was_changed() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(codes) == len(set(codes))
    assert set(codes) == CODES


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_the_message_ends_with_what_to_do(kind: type[TidegateError]) -> None:
    example, last = EXAMPLES[kind]
    assert str(example).endswith(last)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_the_tree_in_the_docstring_shows_the_error(kind: type[TidegateError]) -> None:
    if kind.__module__.startswith(errors.__name__):
        assert f"─ {kind.__name__} " in str(errors.__doc__)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_temporal_tries_again_just_what_is_transient(kind: type[TidegateError]) -> None:
    error = as_application_error(EXAMPLES[kind][0])
    assert error.non_retryable == issubclass(kind, TerminalError)
    assert error.type == kind.code


def test_temporal_waits_as_long_as_the_limit_says() -> None:
    limited = RateLimitedError(system="Salesforce", detail="d", retry_after=timedelta(minutes=15))
    assert as_application_error(limited).next_retry_delay == timedelta(minutes=15)


def test_a_message_is_cut_to_what_a_history_should_hold() -> None:
    long = errors.UnavailableError(system="S3", detail=10_000 * "x")
    assert len(as_application_error(long).message) == MESSAGE_LENGTH
