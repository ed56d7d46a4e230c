"""PostgreSQL's errors in Redshift's words."""

import re
from collections.abc import Mapping

BYTES = "stand_in_bytes_"
"""Constraints that hold a column's length in bytes are called so (`catalogue/install.sql`)."""
_KEPT = "CMDHPWFLR"
"""Fields that a server of version 8 sends: none that names a table, a column or a constraint."""


def redshift_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of an ErrorResponse, as Redshift would send them."""
    kept = {name: value for name, value in fields.items() if name in _KEPT}
    state, constraint = fields.get("C", ""), fields.get("n", "")
    if state == "23514" and constraint.startswith(BYTES):
        length = constraint.rpartition("_")[2]
        return {"C": "22001", "M": f"value too long for type character varying({length})"}
    if state == "40001":
        # https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html
        return {"C": "XX000", "M": "1023", "D": "Serializable isolation violation on table in Redshift"}
    if state == "21000" and "MERGE" in fields.get("M", ""):
        return {"C": "XX000", "M": "Found multiple matches to update the same tuple."}
    if state == "22001" and (length_ := re.search(r"character(?: varying)?\(\d+\)", fields.get("M", ""))):
        return {"C": state, "M": f"value too long for type {length_[0]}"}
    return kept
