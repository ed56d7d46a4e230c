"""Blocks of a CSV hold the rows of the whole one, wherever its bytes are cut on the way."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from transforms.ingest import csv_blocks
from transforms.ingest.csv_blocks import CsvBlocks
from transforms.ingest.row_pages import read_csv_texts

HEADER = ("Id", "Title__c", "Notes__c")
TEXTS = st.text(st.sampled_from('a"\n\r,;é…𝄞\ufeff\x00'), max_size=12)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A CSV as Bulk API writes it: every value in quotes, lines end with LF or CR LF, the last one
    may not end, or empty ones follow.
    """
    rows = draw(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=ending).writerows([HEADER, *rows])
    last = draw(st.sampled_from(["", ending, ending * 2])) if rows else ending
    return (file.getvalue().removesuffix(ending) + last).encode()


def pieces(body: bytes, places: Sequence[int]) -> Iterator[bytes]:
    bounds = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    for first, end in itertools.pairwise(bounds):
        yield body[first:end]


def blocks_of(body: bytes, places: Sequence[int], block_bytes: int) -> list[bytes]:
    blocks = CsvBlocks(block_bytes)
    found = [block for piece in pieces(body, places) for block in blocks.feed(piece)]
    return found + list(blocks.end())


@given(files(), st.lists(st.integers(0, 2_000)), st.integers(1, 200))
def test_blocks_have_the_rows_of_the_whole_file_wherever_it_is_cut(
    body: bytes, places: list[int], size: int
) -> None:
    blocks = blocks_of(body, places, size)
    whole = read_csv_texts(body)
    assert pa.concat_tables(map(read_csv_texts, blocks)).to_pylist() == whole.to_pylist()
    assert blocks == blocks_of(body, [], size)


def test_a_block_is_no_larger_than_its_bound_unless_a_row_is() -> None:
    header, row, long = b'"Id"\n', b'"1"\n', b'"' + 50 * b"2" + b'"\n'
    blocks = blocks_of(header + 10 * row + long + 4 * row, [], 9)
    # A long row's end is looked for among twice as many bytes each time: 9, 18, 36, 72.
    assert [len(block) - len(header) for block in blocks] == [8, 8, 8, 8, 8, len(long) + 16]


@pytest.mark.parametrize("body", [b'"Id"\n"1"\n"2', b'"Id"\n"1"\n"2""', b'"Id\n'])
def test_a_file_that_ends_inside_a_value_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"inside a value|cannot infer"):
        list(map(read_csv_texts, blocks_of(body, [], 4)))


@pytest.mark.parametrize("body", [b'"Id"\n"1' + 40 * b"x\n", 40 * b"x"])
def test_a_row_that_never_ends_is_refused_before_it_is_held(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_blocks, "MOST_ROW_BYTES", 16)
    with pytest.raises(ValueError, match="has more than 16 bytes"):
        blocks_of(body, range(0, 40, 4), 4)


@pytest.mark.parametrize("body", [b"", b"\n"])
def test_what_has_no_header_is_no_csv(body: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid):
        list(map(read_csv_texts, blocks_of(body, [], 4)))
