"""Who may read which records; and the 501 of a warehouse that cannot be asked for them."""

from http import HTTPStatus

from api.dependencies import Dependencies
from api.problems import ProblemError
from clients.warehouse.records.reader import RecordReader
from schemas.catalogue import ObjectSpec
from schemas.security.access import Caller

READS = (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED)
"""Errors of a read, for the document."""
_NO_READ_STORE = (
    "This warehouse is Redshift, which takes a second or more for one record, so records are not read from it. "
    "Set TIDEGATE_WAREHOUSE__KIND to postgres, with TIDEGATE_WAREHOUSE__DSN of a PostgreSQL database, or query Redshift itself."
)


def readable(parts: Dependencies, caller: Caller, object_name: str) -> ObjectSpec:
    """The object, which the caller may read.

    Raises:
        ProblemError: The caller's scope does not have it (403).
        UnknownObjectError: The catalogue lacks it.
    """
    if not caller.records.has(object_name):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "records",
            f"The token {caller.name} may not read records of this object. Use another token, or have one made: "
            "`tidegate api token NAME --role reader --records OBJECT --days 90`.",
        )
    return parts.catalogue.object(object_name)


def reader_of(parts: Dependencies) -> RecordReader:
    """The reader of records.

    Raises:
        ProblemError: The warehouse is Redshift (501).
    """
    if parts.records is None:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "no-read-store", _NO_READ_STORE)
    return parts.records
