"""The change log's facts about records that are to be written."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from activities.writeback.named_records import name_records
from clients.warehouse import Warehouse
from clients.warehouse.sql.writeback import read_recent_changes
from schemas.catalogue import ObjectSpec
from transforms.apply.logged_since import CLOCK_ROOM
from transforms.writeback.facts import OtherChange

Log = dict[str, list[OtherChange]]
"""Record id -> its changes."""


@dataclass
class ChangeLog:
    """The change log of one warehouse."""

    warehouse: Warehouse

    async def since(self, spec: ObjectSpec, record_ids: Collection[str], moment: datetime) -> Log:
        """The records' changes from a time on, that are applied. Without records nothing is
        asked.
        """
        if not record_ids:
            return {}
        return await asyncio.to_thread(self._read, spec, record_ids, moment)

    def _read(self, spec: ObjectSpec, record_ids: Collection[str], moment: datetime) -> Log:
        with self.warehouse.reading() as reading:
            listed = name_records(reading, sorted(record_ids))
            values = [moment, moment - CLOCK_ROOM, *listed]
            rows = reading.fetch(read_recent_changes(spec, len(listed)), values)
        fields = {column: name for name, column in spec.columns.items()}
        found: Log = defaultdict(list)
        for record_id, at, columns, user, origin in rows:
            carried = (
                None
                if columns is None
                else frozenset(fields[name] for name in columns.split(",") if name in fields)
            )
            found[record_id].append(OtherChange(at, carried, user or "", origin or ""))
        return found
