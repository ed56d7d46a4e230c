"""Records in a warehouse: change events that are staged as a batch, and applied by the engine's own
applier.
"""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from activities.apply.applier import Applier
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue
from schemas.ingest.messages import ApplyInput, ApplyResult, StagedObject
from schemas.ingest.raw import RAW_SCHEMA, Manifest
from schemas.salesforce.record_ids import whole_id
from transforms.ingest.stage_events import stage_objects
from transforms.pii import Protector

BASE_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z."""
_NUMBERS = itertools.count(1)


def record_id(prefix: str, number: int) -> str:
    """The 18 characters of a made-up record's id."""
    return whole_id(f"{prefix}{number:012d}")


def changed(
    object_name: str, record: str, second: int, kind: str = "UPDATE", **fields: Any
) -> dict[str, Any]:
    """A change event's payload: committed some seconds after `BASE_MS`."""
    header = {
        "entityName": object_name,
        "recordIds": [record],
        "changeType": kind,
        "commitTimestamp": BASE_MS + 1_000 * second,
        "commitNumber": 1_000 + second,
        "sequenceNumber": 1,
        "commitUser": "005000000000001AAA",
        "changeOrigin": "",
        "transactionKey": uuid.uuid4().hex,
    }
    return {"ChangeEventHeader": header, **fields}


@dataclass
class AppliedRecords:
    """Applies change events to a warehouse, a batch a call."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector | None = None
    _batches: Iterator[int] = field(default_factory=lambda: _NUMBERS)

    def apply(self, *events: dict[str, Any]) -> ApplyResult:
        """Apply events of one object as one batch; returns when it is committed."""
        applier = Applier(self.warehouse, self.store, self.catalogue, self.protector)
        [result] = applier.apply([self.staged(*events)])
        return result

    def staged(self, *events: dict[str, Any]) -> ApplyInput:
        """The events as a batch that is staged, and not applied yet."""
        start = f"{next(self._batches)}-{uuid.uuid4().hex[:8]}"
        now = datetime.now(UTC)
        raw = pa.Table.from_pylist([self._row(*each, now) for each in enumerate(events, 1)], RAW_SCHEMA)
        staged = stage_objects(raw, self.catalogue, batch=f"records/{start}")
        ((name, (landed, changes, refused)),) = staged.items()
        assert changes is not None, refused.to_pylist()
        assert not len(refused), refused.to_pylist()
        sink = pa.BufferOutputStream()
        pq.write_table(changes, sink)
        key = f"staged/{start}"
        self.store.put(key, sink.getvalue().to_pybytes())
        manifest = Manifest(
            org="o",
            lane="records",
            start=start,
            end="x",
            raw_key="none",
            raw_sha256="",
            raw_bytes=0,
            events=len(events),
            landed={name: landed},
            first_received_at=now,
            last_received_at=now,
        )
        counts = {"landed": landed, "staged": len(changes), "refused": 0}
        return ApplyInput(
            manifest=manifest, staged=StagedObject(object=name, staged_key=key, refused_key=None, **counts)
        )

    def _row(self, place: int, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        data = {"payload": orjson.loads(orjson.dumps(payload))}
        if self.protector is not None:
            self.protector.protect_event(data)
        header = payload["ChangeEventHeader"]
        return {
            "position": str(place),
            "object": header["entityName"],
            "changes": len(header["recordIds"]),
            "received_at": now,
            "event": orjson.dumps(data).decode(),
        }
