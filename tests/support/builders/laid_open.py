"""Whatever the engine keeps, laid open for a search: texts of Parquet files, values behind
tokens.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clients.writeback.refusal_words import CONTEXT
from schemas.catalogue import Catalogue
from tests.support.builders.tokens import TOKEN
from transforms.pii import Protector

_PARQUET = b"PAR1"


def laid_open(body: bytes) -> bytes:
    """The bytes, and the texts of a Parquet file."""
    if body[:4] != _PARQUET:
        return body
    table = pq.read_table(pa.BufferReader(body))
    return body + repr(table.to_pylist()).encode()


class TokenOpener:
    """Opens tokens of any field, and remembers what was in them."""

    def __init__(self, protector: Protector, catalogue: Catalogue) -> None:
        self._protector = protector
        self._contexts = ["unknown", "erasure", CONTEXT, *_contexts(catalogue)]
        self._opened: dict[bytes, str] = {}

    def behind(self, body: bytes) -> str:
        """The values behind all tokens within, a line each; "" for a token of no field."""
        return "\n".join(map(self.opened, sorted(set(TOKEN.findall(body)))))

    def opened(self, token: bytes) -> str:
        """The value of one."""
        if token not in self._opened:
            self._opened[token] = str(self._open(token.decode()))
        return self._opened[token]

    def _open(self, token: str) -> Any:
        for context in self._contexts:
            try:
                return self._protector.decrypt(context, token)
            except ValueError:
                continue
        return ""


def _contexts(catalogue: Catalogue) -> Iterator[str]:
    for spec in catalogue.objects.values():
        for name in (*spec.fields, "Accommodations__c"):
            yield f"{spec.name}.{name}"
