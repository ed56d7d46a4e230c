"""A batch's row in the ledger says what became of each of its changes (law 8)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from activities.apply.ledger import BatchSlice, count_changes, count_rebuilt, ledger_rows
from schemas.errors import LedgerImbalanceError
from schemas.ingest.messages import ApplyInput, StagedObject
from schemas.ingest.raw import Manifest

AT = datetime(2026, 9, 21, tzinfo=UTC)
TIME = pa.timestamp("ms", "UTC")


def slice_of(
    start: int, minutes: Sequence[int] | None, refused: int | None = None, landed: int = 0
) -> BatchSlice:
    """A batch with changes of these minutes; None: it has none, and no file of them."""
    manifest = Manifest(
        org="o",
        lane="l",
        start=str(start),
        end=str(start + 1),
        raw_key=f"raw {start}",
        raw_sha256="",
        raw_bytes=0,
        events=1,
        landed={"Case": landed},
        first_received_at=AT,
        last_received_at=AT + timedelta(hours=1),
    )
    staged = StagedObject(
        object="Case", staged_key=None, refused_key=None, landed=landed, staged=0, refused=0
    )
    changes = None
    if minutes is not None:
        moments = pa.array([AT + timedelta(minutes=each) for each in minutes], TIME)
        changes = pa.table(
            {"changed_at": moments, "batch": pa.array([manifest.batch] * len(minutes), pa.string())}
        )
    gone = None if refused is None else pa.table({"ordinal": list(range(refused))})
    return BatchSlice(ApplyInput(manifest=manifest, staged=staged), changes, gone)


def test_a_row_has_the_counts_and_the_times_of_its_batch() -> None:
    share = slice_of(7, [3, 1, 2], refused=2, landed=6)
    share.applied, share.duplicate, share.rebuilt, share.isolated, share.rereads = 3, 1, 5, 8, 9
    (row,) = ledger_rows([share]).rows.to_pylist()
    expected = {
        "batch": "l/7",
        "object": "Case",
        "lane": "l",
        "raw_key": "raw 7",
        "landed": 6,
        "applied": 3,
        "duplicate": 1,
        "quarantined": 2,
        "rebuilt": 5,
        "isolated": 8,
        "first_received_at": AT,
        "last_received_at": AT + timedelta(hours=1),
        "first_changed_at": AT + timedelta(minutes=1),
        "last_changed_at": AT + timedelta(minutes=3),
    }
    assert {name: row[name] for name in expected} == expected
    result = share.result()
    assert (result.landed, result.quarantined, result.rereads) == (6, 2, 9)
    assert result.last_changed_at == AT + timedelta(minutes=3)


@pytest.mark.parametrize("minutes", [None, []])
def test_a_batch_without_changes_has_no_time_of_change(minutes: Sequence[int] | None) -> None:
    share = slice_of(7, minutes, refused=1, landed=1)
    (row,) = ledger_rows([share]).rows.to_pylist()
    assert (row["first_changed_at"], row["last_changed_at"], row["quarantined"]) == (None, None, 1)
    assert slice_of(7, minutes).result().quarantined == 0


@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("what", ["applied", "duplicate"])
def test_a_batch_whose_counts_do_not_add_up_is_no_row(what: str, off: int) -> None:
    share = slice_of(7, [1, 2], refused=2, landed=7)
    share.applied, share.duplicate = 3, 2
    assert len(ledger_rows([share]).rows) == 1
    setattr(share, what, getattr(share, what) + off)
    with pytest.raises(LedgerImbalanceError):
        ledger_rows([slice_of(1, None), share])


@given(st.lists(st.none() | st.lists(st.booleans(), max_size=4), min_size=1, max_size=4))
def test_each_batch_counts_its_own_changes_that_are_new(news: list[list[bool] | None]) -> None:
    shares = [slice_of(n, None if new is None else [0] * len(new)) for n, new in enumerate(news)]
    tables = [share.changes for share in shares if share.changes is not None]
    flat = [each for new in news if new is not None for each in new]
    if tables:
        count_changes(shares, pa.concat_tables(tables), flat)
    for share, new in zip(shares, news, strict=True):
        assert list(share.is_new) == (new or [])
        assert (share.applied, share.duplicate) == (sum(new or []), len(new or []) - sum(new or []))


def test_a_record_that_is_rebuilt_counts_once_in_each_batch_that_changed_it() -> None:
    shares = [slice_of(1, [0]), slice_of(2, [0]), slice_of(3, [0])]
    rows = [("l/1", "a"), ("l/1", "a"), ("l/1", "b"), ("l/1", "c"), ("l/2", "a"), ("l/3", "c")]
    new = pa.table({"batch": [row[0] for row in rows], "record_id": [row[1] for row in rows]})
    count_rebuilt(shares, new, {"a", "b"})
    assert [share.rebuilt for share in shares] == [2, 1, 0]
    count_rebuilt(shares, new, set())
    assert [share.rebuilt for share in shares] == [2, 1, 0]
