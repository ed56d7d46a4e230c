"""The refusals of Bulk API 1.0: a code in words of its own and a sentence, nearly always HTTP 400.

(Bulk API 2.0 and Bulk API Developer Guide, "Bulk API Errors"). Where the guide has no sentence
the wording is ours.
"""

from sandbox.org.errors import SalesforceError

_CODES = {
    "INVALID_SESSION_ID": "InvalidSessionId",
    "INVALID_AUTH_HEADER": "InvalidSessionId",
    "REQUEST_LIMIT_EXCEEDED": "ExceededQuota",
    "EXCEEDED_QUOTA": "ExceededQuota",
    "LIMIT_EXCEEDED": "ExceededQuota",
    "UNSUPPORTED_API_VERSION": "InvalidVersion",
    "NOT_FOUND": "InvalidUrl",
    "METHOD_NOT_ALLOWED": "InvalidUrl",
    "API_DISABLED_FOR_ORG": "FeatureNotEnabled",
}


class AsyncApiError(Exception):
    """A request that Bulk API 1.0 refuses."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code} : {message}")


def translated(error: SalesforceError) -> AsyncApiError:
    """A refusal of the org in the words of this API. A lost session is a 400 here, and clients look
    for that.
    """
    code = _CODES.get(error.code, "ClientInputError")
    message = "Invalid session id" if code == "InvalidSessionId" else error.message
    return AsyncApiError(code, message, error.status if error.status == 405 else 400)


def invalid_job(message: str) -> AsyncApiError:
    return AsyncApiError("InvalidJob", message)


def invalid_batch(message: str) -> AsyncApiError:
    return AsyncApiError("InvalidBatch", message)
