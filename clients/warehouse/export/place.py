"""The place of an export: a folder of this machine, or of S3."""

from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pa_fs

from schemas.errors import SettingsError


def opened_place(where: str) -> tuple[pa_fs.FileSystem, str]:
    """The file system, and the folder in it without a slash at its end; a folder of this machine is
    made. Blocks.

    Args:
        where: A folder, or `s3://BUCKET/PREFIX`. `?endpoint_override=` names another S3.

    Raises:
        SettingsError: It names no place.
        OSError: The place cannot be reached, or not made.
    """
    try:
        files, folder = pa_fs.FileSystem.from_uri(where) if "://" in where else _disk(where)
    except pa.ArrowInvalid as error:
        raise SettingsError(f"{where} names no place for an export: {error}. Give another.") from error
    return files, folder.rstrip("/")


def _disk(where: str) -> tuple[pa_fs.FileSystem, str]:
    folder = Path(where).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return pa_fs.LocalFileSystem(), str(folder)
