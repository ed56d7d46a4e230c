"""A share that is staged in parts is the share that is staged at once."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activities.apply.staged_share import StagedShare
from schemas.catalogue import Catalogue
from transforms.ingest.stage_events import ObjectSlice

FIELDS = {"Name": {"type": "string", "length": 80}, "Notes__c": {"type": "textarea", "length": 4000}}
SPEC = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": FIELDS}}}
).object("Thing__c")
SCHEMA = pa.schema([(SPEC.columns["Notes__c"], pa.large_string()), ("field_findings", pa.large_string())])
REFUSED = pa.table({"event": ["{}"]})


def changes(*notes: str) -> pa.Table:
    rows = [{SPEC.columns["Notes__c"]: note} for note in notes]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def share_of(*parts: ObjectSlice, sample: int = 0) -> StagedShare:
    share = StagedShare(sample)
    for part in parts:
        share.add(part)
    return share


def read(body: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(body))


def test_parts_are_counted_and_written_in_their_order() -> None:
    share = share_of(
        ObjectSlice(3, changes("a", "b"), REFUSED),
        ObjectSlice(1, changes(), REFUSED),
        ObjectSlice(1, None, REFUSED),
        ObjectSlice(1, changes("c"), REFUSED.slice(1)),
    )
    assert (share.landed, share.typed, share.refused.rows) == (6, 3, 3)
    assert read(share.changes(SPEC)).column(0).to_pylist() == ["a", "b", "c"]
    assert read(share.refused.body()) == pa.concat_tables([REFUSED] * 3)


@pytest.mark.parametrize("sizes", [(4,), (2, 2), (1, 1, 2)])
def test_what_a_sample_finds_stands_in_one_change_however_many_parts_there_were(
    sizes: tuple[int, ...],
) -> None:
    parts = [ObjectSlice(size, changes(*["ada@example.org"] * size), REFUSED.slice(1)) for size in sizes]
    found = read(share_of(*parts, sample=4).changes(SPEC))["field_findings"].to_pylist()
    [text] = [each for each in found if each is not None]
    assert "of 4 values looked at" in text
    assert set(read(share_of(*parts).changes(SPEC))["field_findings"].to_pylist()) == {None}
