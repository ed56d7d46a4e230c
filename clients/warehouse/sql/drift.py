"""SQL of the catalogue's decisions and names, in the part that PostgreSQL and Redshift share."""

from clients.warehouse.sql.apply import DRIFT, NAMES, QUARANTINE
from schemas.ops_tables import DRIFT_COLUMNS


def read_drift() -> str:
    """Every decision about the schema, in order; parameter: the revision after which to begin."""
    names = ", ".join(column.sql for column in DRIFT_COLUMNS)
    return f"SELECT {names} FROM {DRIFT} WHERE revision > %s ORDER BY revision"


def read_names() -> str:
    """object, field, name, why of everything that has a name of its own in the warehouse."""
    return f"SELECT object, field, name, why FROM {NAMES}"


def find_revision() -> str:
    """The last decision about an object's fields, 0 before the first; parameter: the object."""
    return f"SELECT COALESCE(MAX(revision), 0) FROM {DRIFT} WHERE object = %s"


def find_last_revision() -> str:
    """The last decision about any field, 0 before the first."""
    return f"SELECT COALESCE(MAX(revision), 0) FROM {DRIFT}"


def count_unknown_fields() -> str:
    """object, detail and number of the quarantined changes with a field that the catalogue lacked; parameter: the reason."""
    return f"SELECT object, detail, COUNT(*) FROM {QUARANTINE} WHERE reason = %s AND resolved_at IS NULL GROUP BY object, detail"
