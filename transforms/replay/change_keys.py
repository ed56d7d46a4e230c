"""The changes of a raw file by record and place, without their values."""

from collections import defaultdict

import pyarrow as pa

from transforms.ingest.decode_events import places_of

IDENTITY_SCHEMA = pa.schema([("record_id", pa.large_string()), ("change_order", pa.large_string())])


def identities_of(raw: pa.Table) -> dict[str, pa.Table]:
    """Object as received -> its changes in the file's order (columns of `IDENTITY_SCHEMA`).

    An object with an event whose header cannot be read is left out.
    """
    ids: defaultdict[str, list[str]] = defaultdict(list)
    orders: defaultdict[str, list[str]] = defaultdict(list)
    unreadable = set()
    events = raw["event"].cast(pa.large_binary()).to_pylist()
    for name, event in zip(raw["object"].to_pylist(), events, strict=True):
        header = places_of(event)
        if header is None:
            unreadable.add(name)
            continue
        record_ids, order = header
        ids[name].extend(record_ids)
        orders[name].extend([order] * len(record_ids))
    return {
        name: pa.table([ids[name], orders[name]], schema=IDENTITY_SCHEMA)
        for name in ids
        if name not in unreadable
    }
