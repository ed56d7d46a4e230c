"""A digest of a table's rows that does not depend on the file, the compression or the buffers they
came in.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def content_digest(rows: pa.Table) -> str:
    """SHA-256 (hex) over names, types, nulls and values, in the order of the rows and columns."""
    digest = hashlib.sha256()
    for field in rows.schema:
        column = rows[field.name].combine_chunks()
        valid = np.asarray(pc.is_valid(column))
        digest.update(f"{field.name}\x1f{field.type}\x1f{len(column)}\x1f".encode())
        digest.update(np.packbits(valid).tobytes())
        _add_values(digest, column, field.type)
    return digest.hexdigest()


def _add_values(digest: "hashlib._Hash", column: pa.Array, kind: pa.DataType) -> None:
    if not len(column):
        return
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        filled = pc.fill_null(column, "").cast(pa.large_string())
        digest.update(np.asarray(pc.binary_length(filled)).tobytes())
        offsets = np.frombuffer(filled.buffers()[1], np.int64)[
            filled.offset : filled.offset + len(filled) + 1
        ]
        digest.update(memoryview(filled.buffers()[2] or b"")[int(offsets[0]) : int(offsets[-1])])
        return
    if pa.types.is_boolean(kind):
        digest.update(np.packbits(np.asarray(pc.fill_null(column, False))).tobytes())
        return
    if pa.types.is_decimal(kind):
        digest.update("\x1f".join(pc.fill_null(column.cast(pa.string()), "").to_pylist()).encode())
        return
    # Dates, times and numbers as the integers or floats that they are.
    width = kind.bit_width
    plain = column.view(pa.int64() if width == 64 else pa.int32())
    digest.update(np.asarray(pc.fill_null(plain, 0)).tobytes())
