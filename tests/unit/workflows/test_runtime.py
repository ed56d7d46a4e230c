"""An operator reads the failed code's own message, however deep Temporal has wrapped it."""

from itertools import pairwise

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    RetryState,
    TimeoutError as LimitError,
    TimeoutType,
)

from workflows.runtime import failure_kinds, failure_message


def caused(*chain: BaseException) -> BaseException:
    """The first error, each caused by the next one."""
    for error, cause in pairwise(chain):
        error.__cause__ = cause
    return chain[0]


def activity_error() -> ActivityError:
    return ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="w",
        activity_type="stage_batch",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )


def child_error() -> ChildWorkflowError:
    return ChildWorkflowError(
        "Child Workflow execution failed",
        namespace="default",
        workflow_id="backfill/o/Case/all",
        run_id="r",
        workflow_type="backfill",
        initiated_event_id=1,
        started_event_id=2,
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )


def limit_error() -> FailureError:
    return LimitError("activity Heartbeat timeout", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])


def refused(text: str = "The org refuses.", kind: str = "CallRefusedError") -> ApplicationError:
    return ApplicationError(text, type=kind)


def test_the_message_is_the_activitys_own_without_its_type() -> None:
    assert failure_message(caused(activity_error(), refused())) == "The org refuses."


def test_the_message_of_a_child_is_that_of_its_failed_activity() -> None:
    assert failure_message(caused(child_error(), activity_error(), refused())) == "The org refuses."


def test_what_the_failed_code_said_goes_before_what_it_came_from() -> None:
    driver = refused("connection reset", "OperationalError")
    assert failure_message(caused(activity_error(), refused(), driver)) == "The org refuses."


def test_a_timeout_says_which_limit_has_passed() -> None:
    assert failure_message(caused(activity_error(), limit_error())) == "activity Heartbeat timeout"


def test_a_timeout_after_failed_attempts_says_why_they_failed() -> None:
    assert failure_message(caused(activity_error(), limit_error(), refused())) == "The org refuses."


def test_an_error_of_the_workflow_itself_is_told_as_it_is() -> None:
    assert failure_message(ValueError("no parts")) == "no parts"
    assert failure_message(refused("the backfill w was cancelled")) == "the backfill w was cancelled"


def test_the_kinds_are_the_codes_of_the_whole_chain() -> None:
    chain = caused(child_error(), activity_error(), refused(), refused("reset", "OperationalError"))
    assert failure_kinds(chain) == {"CallRefusedError", "OperationalError"}
    assert failure_kinds(caused(activity_error(), limit_error())) == set()
    assert failure_kinds(ApplicationError("without a type")) == set()
