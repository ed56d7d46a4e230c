"""From a row of a file to a writeback as JSON has it. Pure; the checks say what is wrong with
it.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from schemas.catalogue import Catalogue, FieldType
from schemas.writeback.files import FileFormat, RowDefaults
from schemas.writeback.messages import MOST_KEY

EMPTIES = "#N/A"
"""A cell that empties its field (Bulk API 2.0 Developer Guide, "Valid CSV Record Rows")."""
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NUMBERS = frozenset({FieldType.DOUBLE, FieldType.PERCENT, FieldType.CURRENCY})


class RowForm:
    """Reader of one file's rows."""

    def __init__(self, catalogue: Catalogue, form: FileFormat, defaults: RowDefaults, name: str) -> None:
        """`name`: what derived keys begin with, the same for the same file."""
        spec = catalogue.objects.get(defaults.object)
        self._types = {} if spec is None else {field: entry.type for field, entry in spec.fields.items()}
        self._form = form
        self._common = defaults.model_dump(exclude_none=True)
        self._name = name if len(name) < MOST_KEY - 20 else hashlib.sha256(name.encode()).hexdigest()

    def writeback(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        """The writeback of row `number`, 1 for the first."""
        if self._form is FileFormat.NDJSON and isinstance(row.get("fields"), dict):
            return {**self._common, "key": f"{self._name}:{number}", **row}
        fields: dict[str, Any] = {}
        for name, value in row.items():
            if name not in ("external_id", "key") and (value is not None or self._form is FileFormat.NDJSON):
                self._put(fields, name, value)
        made = {**self._common, "key": row.get("key") or f"{self._name}:{number}", "fields": fields}
        if row.get("external_id") is not None:
            made["external_id"] = _plain(row["external_id"])
        return made

    def _put(self, fields: dict[str, Any], name: str, value: Any) -> None:
        parent, dot, key = name.partition(".")
        given = self._cell(name, value) if self._form is FileFormat.CSV else _plain(value)
        if dot:
            fields[parent] = {key: given}
        else:
            fields[name] = given

    def _cell(self, name: str, text: Any) -> Any:
        """A cell of a CSV as its field's type; as it is when it is none, for the checks to
        refuse.
        """
        if text == EMPTIES:
            return None
        kind = self._types.get(name)
        if not isinstance(text, str) or kind is None:
            return text
        if kind is FieldType.BOOLEAN and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind is FieldType.INT and _WHOLE.fullmatch(text):
            return int(text)
        return float(text) if kind in _NUMBERS and _NUMBER.fullmatch(text) else text


def _plain(value: Any) -> Any:
    """A value of a Parquet file as JSON has it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
