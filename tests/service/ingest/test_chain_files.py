"""A chain's manifests and raw files on a real object store: walked, replaced, read again."""

import hashlib
import uuid
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from clients.storage.chain import Chain, RowFacts
from clients.storage.objects import ObjectStore
from clients.storage.raw_file import RowsFile
from schemas.errors import ChainBrokenError, ObjectMissingError
from schemas.ids import ORIGIN, manifest_key
from schemas.ingest.raw import RAW_SCHEMA, Form, Manifest, RawErasure

pytestmark = pytest.mark.service

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)


@pytest.fixture
def chain(store: ObjectStore) -> Chain:
    return Chain(store, org=f"o{uuid.uuid4().hex[:8]}", lane="changes")


def events(*positions: str, text: str = "{}") -> pa.Table:
    rows = [
        {"position": each, "object": "Case", "changes": 2, "received_at": NOON, "event": text}
        for each in positions
    ]
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


def page(*ids: str, deleted: str = "false") -> pa.Table:
    """Rows of one object, in columns of their own."""
    return pa.table({"Id": list(ids), "IsDeleted": [deleted] * len(ids), "Name": ["Ada"] * len(ids)})


def landed_page(chain: Chain, rows: pa.Table) -> Manifest:
    facts = RowFacts("Contact", NOON, settled_before=NOON, reading=7)
    manifest, _ = chain.land_rows(rows, start=ORIGIN, end="9", facts=facts)
    return manifest


def erasure(name: str, former: Manifest) -> RawErasure:
    return RawErasure(erasure=name, at=NOON, changes=1, former_sha256=former.raw_sha256)


def test_a_walk_goes_from_a_batchs_end_to_the_next_until_there_is_none(chain: Chain) -> None:
    for start, end in ((ORIGIN, "4"), ("4", "9"), ("9", "12"), ("20", "30")):
        chain.land(events(end), start=start)
    assert [each.end for each in chain.walk()] == ["4", "9", "12"]
    assert [each.end for each in chain.walk("9")] == ["12"]
    assert [each.start for each in chain.walk("12")] == []
    assert sorted(each.start for each in chain.landed()) == ["20", "4", "9", ORIGIN]


def test_a_batch_that_ends_where_it_starts_breaks_the_walk(chain: Chain) -> None:
    chain.land(events("4"), start=ORIGIN)
    chain.land(events("4"), start="4")
    walked = chain.walk()
    assert next(walked).end == "4"
    with pytest.raises(ChainBrokenError, match="the batch at 4 ends where it starts"):
        next(walked)


@pytest.mark.parametrize("groups", [(6,), (1, 2, 3)])
def test_a_page_is_read_in_parts_whichever_row_groups_it_has(chain: Chain, groups: tuple[int, ...]) -> None:
    """Raw files of earlier releases have one."""
    rows, file, first = page(*"123456"), RowsFile(), 0
    for size in groups:
        file.add(rows.slice(first, size))
        first += size
    facts = RowFacts("Contact", NOON, settled_before=NOON, reading=7)
    manifest, _ = chain.claim(chain.put_rows(file, start=ORIGIN, end="9", facts=facts))
    assert (manifest.events, manifest.landed) == (6, {"Contact": 6})
    parts = list(chain.raw_parts(manifest, 1))
    assert [len(part) for part in parts] == [1] * 6
    assert pa.concat_tables(parts).to_pylist() == rows.to_pylist()
    [whole] = chain.raw_parts(manifest, 10_000)
    assert whole.to_pylist() == chain.read_raw(manifest).to_pylist() == rows.to_pylist()


def test_a_page_whose_raw_file_is_there_is_landed_by_its_manifest_alone(chain: Chain) -> None:
    file = RowsFile()
    file.add(page("1"))
    facts = RowFacts("Contact", NOON, settled_before=NOON, reading=7)
    manifest = chain.put_rows(file, start=ORIGIN, end="9", facts=facts)
    assert chain.find(ORIGIN) is None
    assert chain.claim(manifest) == (manifest, True)
    assert chain.find(ORIGIN) == manifest


def test_a_batch_of_events_counts_their_changes_and_is_read_as_it_was(chain: Chain) -> None:
    raw = events("1", "2", "3")
    manifest, ours = chain.land(raw, start=ORIGIN)
    assert (ours, manifest.events, manifest.landed) == (True, 3, {"Case": 6})
    assert (manifest.first_received_at, manifest.last_received_at) == (NOON, NOON)
    assert chain.read_raw(manifest).equals(raw)


def test_a_page_counts_a_row_of_the_bin_twice_and_is_read_in_its_own_columns(chain: Chain) -> None:
    rows = page("003A", "003B", deleted="true")
    manifest = landed_page(chain, rows)
    assert (manifest.form, manifest.events, manifest.landed) == (Form.ROWS, 2, {"Contact": 4})
    assert (manifest.settled_before, manifest.reading) == (NOON, 7)
    assert chain.read_raw(manifest).equals(rows)


def test_a_replaced_file_stays_in_its_folder_and_the_former_one_goes(
    chain: Chain, store: ObjectStore
) -> None:
    before, _ = chain.land(events("1", "2", text='{"Name": "Ada"}'), start=ORIGIN)
    after = chain.replace_raw(before, events("1", "2"), erasure("e1", before))
    assert after.raw_key.rpartition("/")[0] == before.raw_key.rpartition("/")[0]
    assert after.raw_key != before.raw_key
    assert store.find(before.raw_key) is None
    body = store.get(after.raw_key)
    assert (after.raw_sha256, after.raw_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
    assert (after.start, after.end, after.landed) == (before.start, before.end, before.landed)
    assert chain.find(ORIGIN) == after
    assert chain.read_raw(after).equals(events("1", "2"))


def test_a_step_that_is_done_again_keeps_the_file_that_it_wrote(chain: Chain) -> None:
    before, _ = chain.land(events("1", text='{"Name": "Ada"}'), start=ORIGIN)
    once = chain.replace_raw(before, events("1"), erasure("e1", before))
    again = chain.replace_raw(once, events("1"), erasure("e1", before))
    assert again.raw_key == once.raw_key
    assert chain.read_raw(again).equals(events("1"))
    assert [each.erasure for each in again.erasures] == ["e1", "e1"]


def test_replaced_events_have_texts_of_objects_once_and_bounds_of_positions(chain: Chain) -> None:
    """A file that was rewritten is found and read as cheaply as one that was landed."""
    raw = events(*map(str, range(1_000, 3_000)))
    landed, _ = chain.land(raw, start=ORIGIN)
    replaced = chain.replace_raw(landed, raw, erasure("e1", landed))
    assert replaced.raw_bytes == landed.raw_bytes
    assert replaced.raw_sha256 == landed.raw_sha256


def test_a_replaced_page_is_written_as_it_was_landed(chain: Chain) -> None:
    landed = landed_page(chain, page("003A", "003B"))
    replaced = chain.replace_raw(landed, page("003A", "003B"), erasure("e1", landed))
    assert replaced.raw_sha256 == landed.raw_sha256


def test_a_manifest_from_before_an_erasure_reads_the_file_of_after_it(chain: Chain) -> None:
    before, _ = chain.land(events("1", text='{"Name": "Ada"}'), start=ORIGIN)
    once = chain.replace_raw(before, events("1", text='{"Name": ""}'), erasure("e1", before))
    twice = chain.replace_raw(once, events("1"), erasure("e2", once))
    for manifest in (before, once, twice):
        assert chain.read_raw(manifest).equals(events("1"))


def test_a_file_that_is_gone_without_an_erasure_is_missing(chain: Chain, store: ObjectStore) -> None:
    manifest, _ = chain.land(events("1"), start=ORIGIN)
    store.delete(manifest.raw_key)
    with pytest.raises(ObjectMissingError):
        chain.read_raw(manifest)
    store.delete(manifest_key(chain.org, chain.lane, ORIGIN))
    with pytest.raises(ObjectMissingError):
        chain.read_raw(manifest)


def test_a_manifest_with_another_past_is_not_read_in_place_of_its_own(chain: Chain) -> None:
    """Somebody landed the lane again: its erasures are not those that this manifest knows."""
    before, _ = chain.land(events("1", text="a"), start=ORIGIN)
    known = before.model_copy(
        update={"raw_key": f"{before.raw_key}.gone", "erasures": (erasure("e9", before),)}
    )
    chain.replace_raw(before, events("1"), erasure("e1", before))
    with pytest.raises(ObjectMissingError):
        chain.read_raw(known)
