"""What of Salesforce's words may be repeated: sentences that name fields, objects and limits, and
nothing else.

Most of its messages quote what was sent: a query with its values, a name, a text cut at some length.
So a sentence is repeated only where its form is known.
"""

import re

_SENTENCES = (
    # A query that names what is not there: its text stands before this sentence.
    re.compile(r"No such column '[\w.]{1,255}' on (?:entity|sobject of type) '?\w{1,80}'?", re.ASCII),
    re.compile(r"No such relationship '[\w.]{1,255}' on entity '\w{1,80}'", re.ASCII),
    re.compile(r"Didn't understand relationship '[\w.]{1,255}' in field path", re.ASCII),
    re.compile(r"sObject type '\w{1,80}' is not supported", re.ASCII),
    re.compile(r"field '[\w.]{1,255}' can not be filtered in a query call", re.ASCII),
    # Limits (REST API Developer Guide, "Status Codes and Error Responses").
    re.compile(r"(?:TotalRequests|ConcurrentRequests|ConcurrentPerOrgLongTxn)[A-Za-z ()]{0,80}", re.ASCII),
)
_WHOLE = frozenset(
    {
        "API_CURRENTLY_DISABLED",
        "API_DISABLED_FOR_ORG",
        "FUNCTIONALITY_NOT_ENABLED",
        "INVALID_SESSION_ID",
        "SERVER_UNAVAILABLE",
    }
)
"""Codes whose messages are about the org or the session, never about a record."""
_PLAIN = re.compile(r"[A-Za-z0-9 .,:;'()/-]{0,200}", re.ASCII)
HIDDEN = "its words may quote values, so they are not shown"


def safe_words(code: str, message: str) -> str:
    """The part of a message that may be shown and kept in clear; `HIDDEN` where none may."""
    for sentence in _SENTENCES:
        if (found := sentence.search(message)) is not None:
            return found[0].strip()
    if code in _WHOLE and _PLAIN.fullmatch(message):
        return message
    return HIDDEN
