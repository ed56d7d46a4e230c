"""Temporary files of a test run in memory, where there is room.

Tests make and delete tens of thousands of files of databases. ext4 looks for an inode that was not
deleted in the last seconds, each time: a third of the processor time of a law's tests went there
(17.9 s on ext4, 13.9 s in memory).
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 6 * 1024**3
"""Bytes. A whole run holds two at a time."""


def use_memory_for_temporary_files() -> None:
    """Make folders of `tempfile`, here and in child processes, in memory. A `TMPDIR` that is set
    wins.
    """
    if "TMPDIR" in os.environ or not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM:
        return
    if os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return  # some tests start what they have installed
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None
