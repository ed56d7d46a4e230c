"""An object of the store as a file that is read in parts, so that its size does not matter."""

import io
from typing import Any, BinaryIO, cast

from clients.storage.objects import ObjectStore
from schemas.errors import ObjectMissingError

_AHEAD = 8 * 1024 * 1024
"""Bytes of one request, at least."""


class _Raw(io.RawIOBase):
    """Reads with ranged gets. Errors of the store come as they are."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        found = self._store.part(self._key, self._place, self._place + wanted - 1)
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def open_object(store: ObjectStore, key: str) -> BinaryIO:
    """The object, to be read from its beginning; raises `ObjectMissingError`. Blocks when it is
    read.
    """
    size = store.size(key)
    if size is None:
        raise ObjectMissingError(bucket=store.bucket_of(key), key=key)
    return cast(BinaryIO, io.BufferedReader(_Raw(store, key, size), _AHEAD))
