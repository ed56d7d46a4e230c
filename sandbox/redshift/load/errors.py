"""STL_LOAD_ERRORS, written over a connection of its own: the load's transaction is lost."""

import psycopg
from psycopg.rows import tuple_row

from sandbox.redshift.load.parquet import ScanError
from sandbox.redshift.wire.backend import Server


class LoadErrors:
    """Load errors of one database."""

    def __init__(self, server: Server, database: str) -> None:
        self._dsn = f"host={server.host} port={server.port} user=postgres dbname={database}"

    async def write(self, table: str, url: str, error: ScanError) -> int:
        """Add a row; the number of its query."""
        statement = (
            "INSERT INTO stand_in.load_errors (tbl, filename, colname, type, col_length, err_code, err_reason) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING query"
        )
        column = error.column
        values = (
            table,
            url,
            column.name if column else "",
            column.kind if column else "",
            str(column.size) if column and column.size else "",
            error.code,
            error.context[:100],
        )
        async with await psycopg.AsyncConnection.connect(
            self._dsn, autocommit=True, row_factory=tuple_row
        ) as connection:
            row = await (await connection.execute(statement, values)).fetchone()
        return int(row[0]) if row else 0
