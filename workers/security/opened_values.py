"""Plaintext of protected fields, for callers whose scope has them: each reading is on record before
a value is opened (law 9).
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from clients.warehouse import Warehouse
from clients.warehouse.sql.token_keys import find_token_key
from schemas.catalogue import ObjectSpec
from schemas.errors import DataKeyMissingError
from schemas.ingest.messages import Act
from transforms.pii import Protector, seal_of
from transforms.pii.token_forms import TokenForms
from workers.value_readings import READ_RECORD, TakesActs


class OpenedValues:
    """Opens tokens of the warehouse. One for a process; nothing has to answer before the first
    value is asked for.
    """

    def __init__(self, protector: Callable[[], Protector], warehouse: Warehouse, log: TakesActs) -> None:
        """`protector` is called once, and may block; `log`: where readings are recorded."""
        self._make = protector
        # Records are read from the first; its tokens may have another key than the warehouse's.
        self._warehouse = warehouse.with_copy()[0]
        self._log = log
        self._lock = threading.Lock()
        self._made: Protector | None = None

    async def ready(self) -> None:
        """Have the data keys read, the first time."""
        if self._made is None:
            await asyncio.to_thread(self._protector)

    async def record(self, by: str, target: str, names: Sequence[str], where: str) -> None:
        """Put a reading on record.

        Args:
            by: Who reads.
            target: Whose values: `record/ORG/Contact/ID`, or `record/ORG/Contact` of several.
            names: The fields.
            where: The route; of several records with their ids.

        Raises:
            UnavailableError: It could not be put on record; open nothing.
        """
        detail = f"values of {', '.join(names)}, {where}"
        act = Act(act=READ_RECORD, by=by, target=target, detail=detail, at=datetime.now(UTC))
        await asyncio.to_thread(self._log.append, act)

    def value(self, spec: ObjectSpec, name: str, token: str) -> Any:
        """The value behind a field's token. Call `ready` before.

        Raises:
            DataKeyMissingError: No key of the org opens it.
        """
        context = f"{spec.name}.{name}"
        protector = self._protector()
        try:
            return protector.decrypt(context, token)
        except ValueError:
            # It may be of a key that was made a moment ago.
            protector.ring.refresh()
        try:
            return protector.decrypt(context, token)
        except ValueError:
            raise DataKeyMissingError(
                org="of this engine",
                where=f"of a value of {context}",
                evidence="no key that is there opens it",
            ) from None

    def token_of(self, spec: ObjectSpec, name: str, value: str) -> str | None:
        """The token that a value of a field has in the object's tables; None where equal values
        have no equal tokens, or the object has no rows yet. Blocks.
        """
        seal = seal_of(spec, name)
        key = None if seal.is_bound else self._key(spec)
        return None if key is None else self._protector().seal(seal, value, None, key_id=key)

    def texts(self, spec: ObjectSpec) -> TokenForms | None:
        """Opens texts that came as diffs; None before the object has rows. Blocks."""
        key = self._key(spec)
        return None if key is None else TokenForms(self._protector(), spec, key)

    def _key(self, spec: ObjectSpec) -> str | None:
        with self._warehouse.transaction() as transaction:
            found = transaction.fetch(find_token_key(), [spec.name])
        return str(found[0][0]) if found else None

    def _protector(self) -> Protector:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
