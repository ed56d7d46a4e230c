"""Salesforce's refusals. One class carries them all, because the wire does: a code, a sentence, an
HTTP status.

Every API family translates a `SalesforceError` into its own body (REST an array, the token
endpoint an object, CometD a string); none of them invents codes.
"""

from collections.abc import Sequence

WRONG_TYPE = "INVALID_TYPE_ON_FIELD_IN_RECORD"


class SalesforceError(Exception):
    """The org refuses a request or one of its rows.

    Args:
        code: Salesforce's code, such as `REQUIRED_FIELD_MISSING` (REST API Developer Guide,
            "Status Codes").
        message: The sentence that goes with it.
        status: HTTP status of a request that fails altogether; a row's failure inside a
            collection ignores it.
        fields: API names of the fields at fault; empty when none is to blame.
    """

    def __init__(self, code: str, message: str, status: int = 400, fields: Sequence[str] = ()) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.fields = list(fields)
        super().__init__(f"{code}: {message}")


class MethodNotAllowedError(SalesforceError):
    """An address takes other methods; the answer names them in `Allow`, too (RFC 9110, "405 Method
    Not Allowed").

    Args:
        method: The one that was asked for.
        allowed: Those that there are.
    """

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = list(allowed)
        message = f"HTTP Method '{method}' not allowed. Allowed are {','.join(allowed)}"
        super().__init__("METHOD_NOT_ALLOWED", message, 405)


def invalid_session() -> SalesforceError:
    """401 for a token that is unknown, expired or revoked; clients renew it and try again once."""
    return SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", 401)


def malformed_id(object_name: str, value: object) -> SalesforceError:
    return SalesforceError(
        "MALFORMED_ID", f"{object_name} ID: id value of incorrect type: {value}", 400, ["Id"]
    )


def not_found() -> SalesforceError:
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", 404)


def of_row(error: SalesforceError) -> SalesforceError:
    """A row's error in a result, by whichever API: a record that is not there is an invalid
    reference, because a row has no address.
    """
    if error.code != "NOT_FOUND":
        return error
    return SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")


def no_external_id(name: str) -> SalesforceError:
    """An address by a field that is no external id, or by an id of another object."""
    message = f"Provided external ID field does not exist or is not accessible: {name}"
    return SalesforceError("NOT_FOUND", message, 404)


def entity_is_deleted() -> SalesforceError:
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", 404)


def unwritable(name: str) -> SalesforceError:
    """A field that the user, or anybody, may read and not write."""
    message = (
        f"Unable to create/update fields: {name}. Please check the security settings of this field and verify that it "
        "is read/write for your profile or permission set."
    )
    return SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=[name])


def wrong_type(name: str, wanted: str, value: object) -> SalesforceError:
    """A value that its field cannot have, of whatever content."""
    return SalesforceError(
        WRONG_TYPE, f"{name}: value not of required type: {value} (expected {wanted})", fields=[name]
    )
