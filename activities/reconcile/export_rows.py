"""Millions of rows by the warehouse's own way of giving them, where it has one."""

import logging
from collections.abc import Iterator
from typing import Any

from clients.warehouse import Warehouse
from schemas.errors import StatementError

_log = logging.getLogger(__name__)


def exported_rows(warehouse: Warehouse, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a query, some at a time and in no order. Nothing: it has no rows, the warehouse
    has no such way, or refuses it; ask by pages.
    """
    is_refused = True
    try:
        with warehouse.reading() as reading:
            exported = reading.export(query)
            is_refused = False
            yield from exported or ()
    except StatementError as error:
        if not is_refused:
            raise
        _log.warning("A large reading was refused; its rows are read by pages: %s", error)
