"""Memory of a worker process: give back what a busy minute needed.

glibc keeps an arena for each thread, eight a processor, and Arrow's own allocator keeps what it
once had. Under a surge of 120,000 changes a minute the `batches` worker held 1,043 MB that way, and
568 MB with two arenas and the system's allocator, for the same processor time (`tidegate demo
--seconds 60`).

glibc also raises two bounds by itself, up to 32 and 64 MB: the size from which a buffer is a
mapping of its own, which goes back to the kernel when it is freed, and the free memory that it
keeps at the end of an arena. Three batches of 8,000 changes that are staged at once needed 797 MB
then, and 663 MB with fixed bounds.
"""

import ctypes
import sys

import pyarrow as pa

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
"""glibc manual, "Malloc Tunable Parameters"."""
_ARENAS = 2
_BOUND = 1 << 20
"""Bytes. Setting one of the two fixes both: glibc adapts neither any more."""


def keep_little_memory() -> None:
    """Have this process hold little more memory than it uses. Call it before threads start.

    A C library without arenas, as musl, is left as it is.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _BOUND)
        libc.mallopt(_M_TRIM_THRESHOLD, _BOUND)
