"""Map a row's error, Salesforce's code and words, to one of a few fates and a remedy for an
operator.

(SOAP API Developer Guide, "Core Data Types Used in API Calls",
StatusCode.) A code that is not in the table is dead: to send a row again forever because of an
error that nobody has read would hide it.
"""

from enum import StrEnum
from typing import NamedTuple

UNPROCESSED = "TIDEGATE_UNPROCESSED"
"""A code of our own: an ingest job ended before it came to the row, or lists it nowhere."""
NOT_SENT = "TIDEGATE_NOT_SENT"
"""A code of our own: the row was left out of a call that cannot carry it."""


class RowFate(StrEnum):
    """The fate of a row that was refused."""

    AGAIN = "again"
    """Sent again later, unchanged: a lock, a timeout, a limit that passes."""
    DEAD = "dead"
    """Refused however often it is sent: a dead letter."""
    PARENT = "parent"
    """Its parent is not there: sent again when the parent is queued, dead otherwise."""
    DONE = "done"
    """The record is as the row would have it."""
    UNKNOWN = "unknown"
    """It may have been written: it is looked up before it is sent again."""


class RowError(NamedTuple):
    """A row's error, read."""

    fate: RowFate
    advice: str
    """The remedy for an operator, in a sentence; empty unless the fate is DEAD or PARENT."""


_LOCKED = ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")
_PASSING = (*_LOCKED, "QUERY_TIMEOUT", "Apex CPU time limit exceeded", "ConcurrentPerOrgLongTxn")
"""Errors that the text of a trigger or a flow can hide: with fewer rows, or at another time, it
succeeds.
"""
_WRAPPERS = frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER", "APEX_ERROR"})

_AGAIN = frozenset(
    {
        "UNABLE_TO_LOCK_ROW", "TooManyLockFailure", "QUERY_TIMEOUT", "REQUEST_LIMIT_EXCEEDED",
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "PLATFORM_EVENT_PUBLISHING_UNAVAILABLE",
        "PLATFORM_EVENT_PUBLISHING_FAILED", "TOO_MANY_APEX_REQUESTS", "REALTIME_PROCESSING_TIME_EXCEEDED_LIMIT",
        "TXN_SECURITY_METERING_ERROR", "LIMIT_EXCEEDED", "EXCEEDED_QUOTA", NOT_SENT,
    }
)  # fmt: skip
_UNKNOWN = frozenset(
    {
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED", "BATCH_PROCESSING_HALTED", "UNKNOWN_EXCEPTION",
        "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "InternalServerError", "Timeout", UNPROCESSED,
    }
)  # fmt: skip

_VALUE = "Correct the value at its source and submit it again under a new key."
_RULE = "Meet the rule, or have the org's administrator change it; then retry."
_ACCESS = "Give the integration user this permission in the org, then retry."
_CATALOGUE = "Compare the catalogue with the org's describe, fix what differs, then retry."
_STATE = "Bring the record into a state in which it may be changed, then retry, or discard the writeback."

_DEAD = {
    "REQUIRED_FIELD_MISSING": "Submit the writeback with the fields that the org requires, under a new key.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _RULE,
    "FIELD_FILTER_VALIDATION_EXCEPTION": _RULE,
    "STRING_TOO_LONG": _VALUE,
    "INVALID_EMAIL_ADDRESS": _VALUE,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Take one of the picklist's values, or have the value added in the org; then retry.",
    "NUMBER_OUTSIDE_VALID_RANGE": _VALUE,
    "INVALID_TYPE_ON_FIELD_IN_RECORD": _VALUE,
    "JSON_PARSER_ERROR": _VALUE,
    "MALFORMED_ID": _VALUE,
    "INVALID_ID_FIELD": _VALUE,
    "INVALID_FIELD": _CATALOGUE,
    "INVALID_FIELD_FOR_INSERT_UPDATE": "Leave the field out, or make it writable for the integration user; then retry.",
    "INVALID_TYPE": _CATALOGUE,
    "INVALID_TYPE_FOR_OPERATION": _CATALOGUE,
    "NOT_FOUND": "Allow the record to be created, or correct the external id; then submit it again under a new key.",
    "MISSING_ARGUMENT": "Give the row its external id, and submit it again under a new key.",
    "DUPLICATES_DETECTED": "Merge the duplicates in the org, or relax its duplicate rule for the integration user; then retry.",
    "DUPLICATE_EXTERNAL_ID": "Several records have this external id: merge them in the org, then retry.",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "A trigger of the org refuses the row: read its words with the org's developers, then retry.",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "A flow of the org fails on the row: read its words with the org's administrator, then retry.",
    "APEX_ERROR": "Code of the org fails on the row: read its words with the org's developers, then retry.",
    "ENTITY_IS_DELETED": "Undelete the record in the org and retry, or discard the writeback.",
    "ENTITY_IS_LOCKED": "An approval process holds the record: end it in the org, then retry.",
    "ENTITY_IS_ARCHIVED": _STATE,
    "CIRCULAR_DEPENDENCY": "The record would be its own ancestor: correct the parent, and submit it again under a new key.",
    "DELETE_FAILED": _STATE,
    "TRANSFER_REQUIRES_READ": "Give the new owner read access to the object, then retry.",
    "STORAGE_LIMIT_EXCEEDED": "Make room in the org's storage, then retry.",
    "INSUFFICIENT_ACCESS": _ACCESS,
    "INSUFFICIENT_ACCESS_OR_READONLY": _ACCESS,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _ACCESS,
    "API_DISABLED_FOR_ORG": _ACCESS,
    "API_CURRENTLY_DISABLED": _ACCESS,
    "FUNCTIONALITY_NOT_ENABLED": "Have the feature enabled in the org, then retry.",
    "TXN_SECURITY_NO_ACCESS": "A transaction security policy refuses it: have the integration user excepted, then retry.",
    "TXN_SECURITY_APEX_ERROR": "A transaction security policy fails: have it fixed in the org, then retry.",
    "TXN_SECURITY_RUNTIME_ERROR": "A transaction security policy fails: have it fixed in the org, then retry.",
    "MIXED_DML_OPERATION": "Set-up objects and others cannot be written together: submit them apart.",
    "ORG_LOCKED": "The org is locked: ask Salesforce, then retry.",
    "TRIAL_EXPIRED": "The org's trial is over: ask Salesforce, then retry.",
}  # fmt: skip
_READ_IT = "Salesforce's own words say why; fix that, then retry, or discard the writeback."
_NO_PARENT = "Submit the parent, or correct the reference; then retry."
_TAKEN = "Another record has this value in a unique field: correct one of them, and submit it again under a new key."

KNOWN_CODES = (
    _AGAIN | _UNKNOWN | _WRAPPERS | _DEAD.keys() | {"DUPLICATE_VALUE", "INVALID_CROSS_REFERENCE_KEY"}
)
"""Every code that this module tells apart."""


def read_row_error(
    code: str, message: str, *, key_field: str = "", names_parent: bool = True, is_delete: bool = False
) -> RowError:
    """The fate that follows from one row's error.

    Args:
        code: Salesforce's status code, or one of ours; must not be empty.
        message: Its words.
        key_field: The external id field of an upsert; empty: the row was not matched by one.
        names_parent: False for a row without references: what is missing is then the record itself.
        is_delete: The row asked that the record be gone.
    """
    if code == "DUPLICATE_VALUE":
        return _duplicate(message, key_field)
    if is_delete and code in ("ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"):
        return RowError(RowFate.DONE, "")
    if code in _AGAIN or (code in _WRAPPERS and any(words in message for words in _PASSING)):
        return RowError(RowFate.AGAIN, "")
    if code in _UNKNOWN:
        return RowError(RowFate.UNKNOWN, "")
    if code == "INVALID_CROSS_REFERENCE_KEY" or (code == "INVALID_FIELD" and _misses_parent(message)):
        gone = RowError(RowFate.DEAD, _DEAD["NOT_FOUND"])
        return RowError(RowFate.PARENT, _NO_PARENT) if names_parent else gone
    return RowError(RowFate.DEAD, _DEAD.get(code, _READ_IT))


def _duplicate(message: str, key_field: str) -> RowError:
    """An upsert that lost a race for its own key finds the record at the next try; any other unique
    field stays taken.
    """
    is_race = key_field and (
        f"{key_field.lower()} duplicates" in message.lower()
        or "<unknown>" in message
        or "duplicate external id" in message.lower()
    )
    return RowError(RowFate.AGAIN, "") if is_race else RowError(RowFate.DEAD, _TAKEN)


def _misses_parent(message: str) -> bool:
    return message.startswith("Foreign key external ID:") and "not found" in message
