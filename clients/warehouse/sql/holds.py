"""SQL of holds, in the part that PostgreSQL and Redshift share."""

from clients.warehouse.sql.apply import HOLD

_FACTS = "object, batch, reason, held_at"


def find_last_hold() -> str:
    """reason, released_at of the object's last hold; parameter: the object."""
    return f"SELECT reason, released_at FROM {HOLD} WHERE object = %s ORDER BY held_at DESC LIMIT 1"


def list_holds() -> str:
    """object, batch, reason, held_at of what is in force."""
    return f"SELECT {_FACTS} FROM {HOLD} WHERE released_at IS NULL ORDER BY object"


def count_holds() -> str:
    """The number of holds of an object in force; parameter: the object."""
    return f"SELECT COUNT(*) FROM {HOLD} WHERE object = %s AND released_at IS NULL"


def release() -> str:
    """End an object's hold; parameters: when, by whom, why, the object."""
    return (
        f"UPDATE {HOLD} SET released_at = %s, released_by = %s, released_reason = %s "
        "WHERE object = %s AND released_at IS NULL"
    )
