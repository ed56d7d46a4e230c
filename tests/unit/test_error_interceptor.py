"""Errors of ours in a history: the code and the words, once, and where it was raised."""

from contextlib import suppress

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.runtime.error_interceptor import MESSAGE_LENGTH, ErrorTranslationInterceptor
from schemas.errors import RunConflictError, StatementError


class RefusingStep(ActivityInboundInterceptor):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> None:  # noqa: A002
        raise_from_the_driver(self._error)


def raise_from_the_driver(error: Exception) -> None:
    try:
        raise ValueError("the row (7, 'Jane')")
    except ValueError as driver:
        raise error from driver


async def failure_of(error: Exception) -> Failure:
    boundary = ErrorTranslationInterceptor().intercept_activity(RefusingStep(error))
    with pytest.raises(Exception) as caught:
        await boundary.execute_activity(None)  # type: ignore[arg-type]  # the step does not look at it
    failure = Failure()
    DefaultFailureConverter().to_failure(caught.value, PayloadConverter.default, failure)
    return failure


async def test_a_history_has_the_code_of_a_renamed_class_and_no_class_name() -> None:
    failure = await failure_of(RunConflictError(object_name="Case", window="all"))
    assert failure.application_failure_info.type == "WindowTakenError"
    assert not failure.HasField("cause")
    assert "RunConflictError" not in str(failure)


async def test_a_history_has_no_words_of_the_driver_and_no_more_than_fits() -> None:
    failure = await failure_of(StatementError(statement="SELECT 1", detail=3 * MESSAGE_LENGTH * "x"))
    assert len(failure.message) == MESSAGE_LENGTH
    assert "Jane" not in str(failure)


async def test_a_history_shows_where_the_error_was_raised() -> None:
    failure = await failure_of(StatementError(statement="SELECT 1", detail="d"))
    assert "in raise_from_the_driver" in failure.stack_trace


SERVER_KEEPS = 4_096
WORKER_FRAMES = 1_500


def raise_from_deep(error: Exception, depth: int) -> None:
    if depth:
        raise_from_deep(error, depth - 1)
    raise error


class KeptErrorStep(ActivityInboundInterceptor):
    """Raises the same error again, as a stream does with a refusal that it keeps."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> None:  # noqa: A002
        for _ in range(20):
            with suppress(StatementError):
                raise_from_deep(self._error, 10)
        raise_from_deep(self._error, 10)


@pytest.mark.parametrize("letter", ["x", "\u6c34"])
async def test_an_error_from_deep_that_is_raised_again_keeps_its_code_in_what_the_server_keeps(
    letter: str,
) -> None:
    step = KeptErrorStep(StatementError(statement="SELECT 1", detail=letter * 3 * MESSAGE_LENGTH))
    boundary = ErrorTranslationInterceptor().intercept_activity(step)
    with pytest.raises(Exception) as caught:
        await boundary.execute_activity(None)  # type: ignore[arg-type]
    failure = Failure()
    DefaultFailureConverter().to_failure(caught.value, PayloadConverter.default, failure)
    assert failure.application_failure_info.type == "StatementError"
    assert "raise_from_deep" in failure.stack_trace
    assert failure.ByteSize() + WORKER_FRAMES < SERVER_KEEPS
