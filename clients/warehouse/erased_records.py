"""The list of erased records, as the warehouse has it, read again while a process runs."""

from collections.abc import Callable, Iterable

from clients.warehouse.protocol import Warehouse
from clients.warehouse.sql import erasure as sql


class ErasedRecords:
    """Follows the list. Its methods block."""

    def __init__(self, warehouse: Warehouse, forget: Callable[[Iterable[str]], None]) -> None:
        """`forget` receives every erased record, each time that there are more."""
        self._warehouse = warehouse
        self._forget = forget
        self._known = 0

    def follow(self) -> int:
        """Read what was erased since; returns the number of erased records."""
        with self._warehouse.transaction() as transaction:
            ((count,),) = transaction.fetch(sql.count_erased())
            # Nothing ever leaves the list.
            rows = transaction.fetch(sql.list_erased()) if count > self._known else []
        if rows:
            self._forget(row[0] for row in rows)
            self._known = len(rows)
        return self._known
