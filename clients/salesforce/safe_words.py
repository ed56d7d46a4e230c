"""The part of Salesforce's words that may be repeated: sentences that name fields, objects and
limits, and nothing else.

Most of its messages quote what was sent: a query with its values, a name, a text cut at some
length. So a sentence is repeated only where its form is known.
"""

import re

_SENTENCES = (
    # A query that names what is not there: its text stands before this sentence.
    re.compile(r"No such column '[\w.]{1,255}' on (?:entity|sobject of type) '?\w{1,80}'?", re.ASCII),
    re.compile(r"No such relationship '[\w.]{1,255}' on entity '\w{1,80}'", re.ASCII),
    re.compile(r"Didn't understand relationship '[\w.]{1,255}' in field path", re.ASCII),
    re.compile(r"sObject type '\w{1,80}' is not supported", re.ASCII),
    re.compile(r"field '[\w.]{1,255}' can not be filtered in a query call", re.ASCII),
    # The org and the session.
    re.compile(r"(?:The REST )?API is not enabled for this Organization(?: or Partner)?", re.ASCII),
    re.compile(r"Session expired or invalid|This session is not valid for use with the REST API", re.ASCII),
    # Limits (REST API Developer Guide, "Status Codes and Error Responses").
    re.compile(r"(?:TotalRequests|ConcurrentRequests|ConcurrentPerOrgLongTxn)[A-Za-z ()]{0,80}", re.ASCII),
)
HIDDEN = "its words may quote values, so they are not shown"


def safe_words(message: str) -> str:
    """The part of a message that may be shown and kept in plaintext; `HIDDEN` where none may."""
    for sentence in _SENTENCES:
        if (found := sentence.search(message)) is not None:
            return found[0].strip()
    return HIDDEN
