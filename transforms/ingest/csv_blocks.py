"""A CSV in blocks of whole rows, as its bytes arrive: what is held is a block, not the file.

A row ends with a line feed outside of quotes, and a quote inside a value is doubled (RFC 4180), as
Bulk API writes it. Lines may end with CR LF. A place between two rows is no place inside a
character either: in UTF-8 neither byte is part of another one.
"""

from collections.abc import Iterator

BLOCK_BYTES = 4 * 1024**2
"""Of a block, at most, unless one row is larger."""
MOST_ROW_BYTES = 64 * 1024**2
"""A row that is larger is none: somewhere a quote was lost. The texts of a record have 13 MB at
most, as Salesforce bounds them.
"""
_QUOTE, _LINE_FEED = b'"', b"\n"


class CsvBlocks:
    """Takes the bytes of one CSV, and gives blocks; each begins with the header's line, so that it
    is a CSV by itself.

    Blocks end at the same rows, however the bytes arrive.
    """

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self._look_at = block_bytes
        """Bytes among which the end of a row is looked for: twice as many after each failure."""
        self._header: bytes | None = None
        """None before its line has come."""
        self._held = bytearray()
        self._has_given = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next bytes; gives the blocks that are whole by now. Raises `ValueError` for what
        is no CSV.
        """
        self._held += piece
        if self._header is None and not self._take_header():
            return
        while len(self._held) >= self._look_at:
            end = _end_of_rows(self._held, self._look_at)
            if end:
                yield self._given(end)
                self._look_at = self._block_bytes
            elif self._look_at > MOST_ROW_BYTES:
                raise ValueError(f"a row has more than {MOST_ROW_BYTES} bytes")
            else:
                self._look_at *= 2

    def end(self) -> Iterator[bytes]:
        """The last block, after the last bytes; a CSV without rows is one block. Raises
        `ValueError` for one that ends inside a value.
        """
        if self._held.count(_QUOTE) % 2:
            raise ValueError("it ends inside a value")
        if self._held or not self._has_given:
            yield self._given(len(self._held))

    def _take_header(self) -> bool:
        end = self._held.find(_LINE_FEED) + 1
        if not end and len(self._held) > MOST_ROW_BYTES:
            raise ValueError(f"the header has more than {MOST_ROW_BYTES} bytes")
        if end:
            self._header = bytes(self._held[:end])
            del self._held[:end]
        return bool(end)

    def _given(self, end: int) -> bytes:
        block = (self._header or b"") + self._held[:end]
        del self._held[:end]
        self._has_given = True
        return block


def _end_of_rows(held: bytearray, most: int) -> int:
    """The place behind the last row that ends within `most` bytes; 0 = none does. The first byte
    begins a row.
    """
    quotes, place = held.count(_QUOTE, 0, most), most
    while (found := held.rfind(_LINE_FEED, 0, place)) >= 0:
        quotes -= held.count(_QUOTE, found, place)
        if quotes % 2 == 0:
            return found + 1
        place = found
    return 0
