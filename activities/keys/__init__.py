"""Activities of keys: make a data key, and re-encrypt the warehouse with it."""

from collections.abc import Callable
from typing import Any

from activities.keys.reencrypt import Reencryption
from activities.keys.rotate import KeyRotation
from clients.database.key_register import DataKeyRegister
from clients.dependencies import Clients
from clients.storage.data_key import DataKeys


def activities(clients: Clients, keys: DataKeys, register: DataKeyRegister) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`.

    Args:
        clients: Of the process.
        keys: The org's data keys.
        register: Remembers their fingerprints.
    """
    rotation = KeyRotation(keys, register, clients.warehouse, clients.catalogue, clients.protector)
    tables = Reencryption(clients.warehouse, clients.catalogue, clients.protector)
    return [rotation.begin_rotation, tables.reencrypt_tables, tables.reencrypt_log]
