"""The types of changes, as the column `change_type` stores them."""

CREATE, UPDATE, DELETE, UNDELETE, SNAPSHOT = "create", "update", "delete", "undelete", "snapshot"
WHOLE = frozenset({CREATE, UNDELETE, SNAPSHOT})
"""Change types that carry the whole record: what they leave out is null, unless they name the
columns that they carry.
"""
