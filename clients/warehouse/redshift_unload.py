"""UNLOAD: the rows of a query come as Parquet objects that every node of the cluster writes, not
through the leader, which holds a query's rows before the first is sent.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from clients.storage.objects import ObjectStore
from clients.warehouse.redshift_values import sql_literal
from schemas.errors import TidegateError

UNLOAD_PREFIX = "unload/"
MOST_MEGABYTES = 64
"""Of one object, which is read at once."""
_ROWS_AT_ONCE = 50_000
_log = logging.getLogger(__name__)


def unload_statement(query: str, url: str, role: str) -> str:
    """Write the rows of a query, which has no parameters, under `url`.

    ENCRYPTED AUTO takes the KMS key of the bucket.
    """
    return (
        f"UNLOAD ({sql_literal(query)}) TO {sql_literal(url)} IAM_ROLE {sql_literal(role)} FORMAT AS PARQUET "
        f"ENCRYPTED AUTO MANIFEST MAXFILESIZE {MOST_MEGABYTES} MB"
    )


class Unloader:
    """The objects that one transaction has unloaded."""

    def __init__(self, store: ObjectStore, role: str) -> None:
        self._store = store
        self._role = role
        self._folders: list[str] = []

    def rows(self, run: Callable[[str], object], query: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, some at a time and in no order. The query is run at once: what
        Redshift refuses is raised here.
        """
        folder = f"{UNLOAD_PREFIX}{uuid.uuid4().hex}/"
        self._folders.append(folder)
        run(unload_statement(query, f"s3://{self._store.bucket_of(folder)}/{folder}", self._role))
        return self._read(folder)

    def clean(self) -> None:
        """Delete the objects. A failure is logged and no more: a lifecycle rule ends what is
        left.
        """
        for folder in self._folders:
            try:
                for key in list(self._store.keys(folder)):
                    self._store.delete(key)
            except TidegateError as error:
                _log.warning("Could not delete the unloaded objects of %s: %s", folder, error)

    def _read(self, folder: str) -> Iterator[list[tuple[Any, ...]]]:
        for entry in orjson.loads(self._store.get(f"{folder}manifest"))["entries"]:
            key = f"{folder}{entry['url'].rpartition('/')[2]}"
            for batch in pq.ParquetFile(BytesIO(self._store.get(key))).iter_batches(_ROWS_AT_ONCE):
                yield list(zip(*map(_values, batch.columns), strict=True))
            self._store.delete(key)


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if not pa.types.is_timestamp(column.type):
        return values
    # TIMESTAMPTZ is written in UTC; a Parquet timestamp may lack its mark.
    return [each and _in_utc(each) for each in values]


def _in_utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
