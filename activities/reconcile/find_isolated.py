"""find_isolated: which fields of which records are isolated when a reconciliation ends. They are
neither equal nor repaired.
"""

import asyncio
from dataclasses import dataclass

import orjson
from temporalio import activity

from activities.reconcile.compare_digests import MOST_LISTED
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql import reconcile as sql
from schemas import names
from schemas.catalogue import Catalogue
from schemas.ids import reconcile_key
from schemas.reconcile import Isolated, Range
from schemas.reconcile_steps import FindIsolatedInput


@dataclass
class IsolatedLooks:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue

    @activity.defn(name=names.FIND_ISOLATED)
    async def find_isolated(self, request: FindIsolatedInput) -> Isolated:
        """Count them, and keep a list of the first ones. Costs no call."""
        async with heartbeating():
            return await asyncio.to_thread(self._find, request)

    def _find(self, request: FindIsolatedInput) -> Isolated:
        spec = self.catalogue.object(request.object)
        is_whole = request.range == Range()
        bounds = [] if is_whole else list(request.range.bounds)
        with self.warehouse.reading() as reading:
            ((records, fields),) = reading.fetch(sql.sum_isolated(spec, is_whole=is_whole), bounds)
            listed = (
                reading.fetch(sql.list_isolated(spec, MOST_LISTED, is_whole=is_whole), bounds)
                if records
                else []
            )
        if not listed:
            return Isolated()
        fields_of = {column: name for name, column in spec.columns.items()}
        rows = [
            {"record_id": record_id, "fields": [fields_of.get(name, name) for name in unknown.split(",")]}
            for record_id, unknown in listed
        ]
        key = reconcile_key(request.org, request.object, request.run, "isolated.json")
        self.store.put(key, orjson.dumps(rows))
        return Isolated(records=int(records), fields=int(fields), key=key)
