"""Answers of the org that cannot be read: cut off on the way, or garbled."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import UnavailableError


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Read an answer inside; `what` names it in the error.

    Raises:
        UnavailableError: It cannot be read. It says no value of it, and the step asks again.
    """
    try:
        yield
    # pyarrow's and Unicode's errors are ValueErrors
    except (ValueError, KeyError, csv.Error) as error:
        detail = f"{what} is not whole, or is no CSV ({type(error).__name__})"
        raise UnavailableError(system="Salesforce", detail=detail) from error
