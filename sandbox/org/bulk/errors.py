"""The refusals of Bulk API 2.0. Its codes are those of Bulk API 1.0 in capitals: `InvalidJobState`
is INVALIDJOBSTATE.

Salesforce documents few of the sentences; those marked so are our wording, the others are known
from orgs.
"""

from sandbox.org.errors import SalesforceError


def invalid_job(message: str) -> SalesforceError:
    return SalesforceError("INVALIDJOB", f"InvalidJob : {message}")


def invalid_state(message: str) -> SalesforceError:
    return SalesforceError("INVALIDJOBSTATE", message)


def already_finished(verb: str, state: str) -> SalesforceError:
    """`verb` is Aborting or Closing."""
    shown = "Completed" if state == "JobComplete" else state
    return invalid_state(f"{verb} already {shown} Job not allowed")


def not_terminated() -> SalesforceError:
    return SalesforceError(
        "API_ERROR", "Error encountered when deleting the job because the job is not terminated"
    )


def no_results_yet(state: str) -> SalesforceError:
    """Our wording."""
    return invalid_state(f"Results are available when the job is complete. Job state: {state}")


def wrong_version(made_in: float) -> SalesforceError:
    """409; our wording."""
    return SalesforceError(
        "INVALID_VERSION", f"The job was created in API version {made_in:.1f}; use the same version", 409
    )


def several_contents(job_id: str) -> SalesforceError:
    return SalesforceError(
        "API_ERROR",
        f"Found multiple contents for job: <{job_id}>, please 'Close' / 'Abort' / 'Delete' the current Job then create "
        "a new Job and make sure you only do 'PUT' once on a given Job.",
    )


def invalid_locator() -> SalesforceError:
    return SalesforceError("INVALID_LOCATOR", "invalid query locator")


class InvalidBatchError(Exception):
    """The uploaded CSV cannot be read; its job fails with this sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(f"InvalidBatch : {message}")
