"""Bring the tokens of rows into one form: under one key, of the field's present class, each bound
to its record.

Tokens of other forms come by a rotation, by a field whose class was changed, and by a change event
that speaks of several records. Two rows can be compared only when both have the same form.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import ObjectSpec
from transforms.pii.protector import Protector
from transforms.pii.seals import Seal, seal_of
from transforms.pii.tokens import SALT_CHARACTERS, is_any_token, record_salt


class TokenForms:
    """Of one object's protected fields, under one key."""

    def __init__(self, protector: Protector, spec: ObjectSpec, key_id: str) -> None:
        self._protector = protector
        self._key_id = key_id
        self._seals: dict[str, Seal] = {
            spec.columns[name]: seal_of(spec, name)
            for name, field in spec.fields.items()
            if field.is_protected
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold tokens."""
        return tuple(self._seals)

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns in which equal values have equal tokens."""
        return tuple(name for name, seal in self._seals.items() if not seal.is_bound)

    @property
    def bound(self) -> tuple[str, ...]:
        """Columns whose tokens are bound to their records."""
        return tuple(name for name, seal in self._seals.items() if seal.is_bound)

    def shape(self, column: str) -> tuple[tuple[str, ...], bool]:
        """The beginnings of every token of the column in this form, and whether it ends with a
        blind index.
        """
        seal = self._seals[column]
        kind = "tg2" if seal.is_bound else "tg1"
        return (f"{kind}.{self._key_id}.", f"{kind}x.{self._key_id}."), bool(seal.group)

    def table(self, rows: pa.Table) -> pa.Table:
        """The rows, which have the column `record_id`, with every token in this form."""
        salts: pa.Array | None = None
        for column, seal in self._seals.items():
            if column not in rows.column_names or rows[column].null_count == len(rows):
                continue
            if seal.is_bound and salts is None:
                salts = _salts(rows["record_id"])
            odd = self._odd(column, rows[column], salts if seal.is_bound else None)
            if not odd.any():
                continue
            chosen = pa.array(odd)
            pairs = zip(
                rows["record_id"].filter(chosen).to_pylist(),
                rows[column].filter(chosen).to_pylist(),
                strict=True,
            )
            reformed = pa.array([self.value(seal, *pair) for pair in pairs], rows[column].type)
            written = pc.replace_with_mask(rows[column].combine_chunks(), chosen, reformed)
            place = rows.column_names.index(column)
            rows = rows.set_column(place, rows.schema.field(column), written)
        return rows

    def places(self, columns: Sequence[str]) -> list[tuple[int, Seal]]:
        """Where tokens stand in rows of these columns, for `row`."""
        return [(place, self._seals[name]) for place, name in enumerate(columns) if name in self._seals]

    def row(
        self, record_id: str, values: Sequence[Any], places: Sequence[tuple[int, Seal]]
    ) -> tuple[Any, ...]:
        """The values of one record with every token in this form."""
        found = list(values)
        for place, seal in places:
            found[place] = self.value(seal, record_id, found[place])
        return tuple(found)

    def open_text(self, column: str, token: str) -> str:
        """As `transforms.apply.fold.SealedTexts`."""
        return str(self._protector.decrypt(self._seals[column].context, token))

    def seal_text(self, column: str, text: str, record_id: str) -> str:
        """As `transforms.apply.fold.SealedTexts`."""
        return self._protector.seal(self._seals[column], text, record_id, key_id=self._key_id)

    def value(self, seal: Seal, record_id: str, token: Any) -> Any:
        """One token in this form; whatever else it is stays as it is."""
        if not is_any_token(token):
            return token
        return self._protector.reformed(seal, token, record_id, self._key_id)

    def _odd(self, column: str, values: pa.ChunkedArray, salts: pa.Array | None) -> NDArray[np.bool_]:
        """By row, whether a token is not in this form: most batches have none, and looking costs
        some nanoseconds a value.

        `salts`: of each record, where the column's tokens are bound; None = they are not.
        """
        prefixes, has_index = self.shape(column)
        good = pc.or_(*(_begins(values, prefix, salts) for prefix in prefixes))
        if salts is not None:
            good = pc.and_(good, pc.equal(pc.count_substring(values, "."), _DOTS + has_index))
        odd: NDArray[np.bool_] = pc.fill_null(pc.invert(good), False).to_numpy(zero_copy_only=False)
        return odd


_DOTS = 2
"""Of a token without an index."""


def _begins(values: pa.ChunkedArray, prefix: str, salts: pa.Array | None) -> pa.ChunkedArray:
    """By row, whether a text begins so, and with the row's salt behind it; None = without one."""
    begins = pc.starts_with(values, prefix)
    if salts is None:
        return begins
    found = pc.utf8_slice_codeunits(values, len(prefix), len(prefix) + SALT_CHARACTERS)
    return pc.and_(begins, pc.equal(found, salts))


def _salts(record_ids: pa.ChunkedArray) -> pa.Array:
    """The beginning of the ciphers of each record's bound tokens."""
    texts = [base64.urlsafe_b64encode(record_salt(each)).decode() for each in record_ids.to_pylist()]
    return pa.array(texts, record_ids.type)
