"""The refusals of the composite family, worded in one place."""

from sandbox.org.errors import SalesforceError


def too_many_records(most: int) -> SalesforceError:
    message = f"record limit reached. cannot submit more than {most} records into this call"
    return SalesforceError("EXCEEDED_ID_LIMIT", message)


def too_many_chunks() -> SalesforceError:
    message = (
        "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking."
    )
    return SalesforceError("LIMIT_EXCEEDED", message)


def missing_type() -> SalesforceError:
    message = (
        "Missing entity type information. sObject requires a separate 'attributes' field to be specified with "
        "entity type info."
    )
    return SalesforceError("JSON_PARSER_ERROR", message)


def not_an_object() -> SalesforceError:
    return SalesforceError(
        "JSON_PARSER_ERROR", "Can not deserialize SObject out of a value that is no object"
    )


def misread_value(error: SalesforceError) -> SalesforceError:
    """A value that JSON's reader cannot take for its field: nothing of the body is read then."""
    message = (
        f"Cannot deserialize instance of a field: {error.message}, or request may be missing a required field"
    )
    return SalesforceError("JSON_PARSER_ERROR", message)


def unsupported_type(name: str) -> SalesforceError:
    return SalesforceError("INVALID_TYPE", f"sObject type '{name}' is not supported.")


def halted() -> SalesforceError:
    """The error for the innocent subrequests of an all-or-none composite."""
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return SalesforceError("PROCESSING_HALTED", message)


def batch_halted() -> SalesforceError:
    message = "Batch processing halted per request. Please see the previous requests for errors."
    return SalesforceError("BATCH_PROCESSING_HALTED", message, 412)


def invalid_reference(expression: str, reason: str) -> SalesforceError:
    message = f"Invalid reference specified. {reason} Provided value: {expression}"
    return SalesforceError("PROCESSING_HALTED", message)


def invalid_request(message: str) -> SalesforceError:
    """A composite request that is not well formed; nothing of it is run."""
    return SalesforceError("INVALID_INPUT", message)


def limit_exceeded(message: str) -> SalesforceError:
    return SalesforceError("LIMIT_EXCEEDED", message)
