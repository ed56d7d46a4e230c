"""Check that a query may become a job (Bulk API 2.0 and Bulk API Developer Guide, "SOQL
Considerations").

Clients match the sentences to fall back to REST, so they are Salesforce's where these are known.
"""

import re
from datetime import UTC, datetime

from sandbox.org.errors import SalesforceError
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import COMPOUNDS, Entities

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_TYPEOF = re.compile(r"\bTYPEOF\b", re.IGNORECASE)
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_WITHOUT_BULK = frozenset(
    {
        "acceptedeventrelation", "casestatus", "contractstatus", "declinedeventrelation", "entitydefinition",
        "fielddefinition", "fieldsecurityclassification", "partnerrole", "recentlyviewed", "solutionstatus",
        "taskpriority", "taskstatus", "undecidedeventrelation",
    }
)  # fmt: skip
"""Objects that exist and have no Bulk API, in lower case."""


def bulk_query(soql: str, entities: Entities, operation: str, *, created_ms: int) -> CompiledQuery:
    """Compile a query for a job; raises `SalesforceError`. Date words count from the day on which
    the job was made.
    """
    words = _QUOTED.sub("''", soql)
    if _TYPEOF.search(words):
        raise _refused("TYPEOF is not supported in Bulk Query")
    named = _FROM.search(words)
    if named is not None and named[1].lower() in _WITHOUT_BULK:
        raise SalesforceError("INVALIDENTITY", f"Entity '{named[1]}' is not supported by the Bulk API.")
    compiled = compile_soql(
        soql,
        entities,
        include_deleted=operation == "queryAll",
        today=datetime.fromtimestamp(created_ms / 1000, UTC).date(),
    )
    if compiled.children:
        raise _refused("Aggregate Relationships not supported in Bulk V2 Query with CSV content type")
    if compiled.shape != "rows":
        raise _refused("Aggregate Relationships not supported in Bulk Query")
    if compiled.offset:
        raise _refused("OFFSET is not supported in Bulk Query")
    if any(column.kind in COMPOUNDS for column in compiled.columns):
        raise _refused("Selecting compound data not supported in Bulk Query")
    if any(column.kind == "base64" for column in compiled.columns):
        raise _refused("Selecting base64 fields not supported in Bulk Query")
    return compiled


def can_be_chunked(compiled: CompiledQuery) -> bool:
    """Salesforce splits a query by primary key unless it has a LIMIT or an ORDER BY."""
    return compiled.limit is None and not compiled.tail.sql


def _refused(message: str) -> SalesforceError:
    return SalesforceError("API_ERROR", message)
