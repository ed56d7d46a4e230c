"""Activities of erasure: find whose values go, take them out of every store, and certify it."""

from collections.abc import Callable
from typing import Any

from activities.erasure.archive import EraseArchive
from activities.erasure.certify import CertifyErasure
from activities.erasure.files import EraseFiles
from activities.erasure.raw import EraseRaw
from activities.erasure.scope import ScopeErasure
from activities.erasure.tables import EraseTables
from activities.erasure.writebacks import EraseWritebacks
from clients.database.erasures import Erasures
from clients.dependencies import Clients
from clients.retention.subject_keys import SubjectKeys
from clients.warehouse import Warehouse
from clients.writeback.store import WritebackStore


def activities(
    clients: Clients,
    writebacks: WritebackStore,
    erasures: Erasures,
    subject_keys: SubjectKeys,
    open_shadow: Callable[[str], Warehouse],
    *,
    rewrites: bool = False,
) -> list[Callable[..., Any]]:
    """For `names.ERASURE_QUEUE`.

    Args:
        clients: Of the process.
        writebacks: Where writebacks are.
        erasures: Where certificates are.
        subject_keys: Of archived records.
        open_shadow: Gives the warehouse of a shadow by its name.
        rewrites: As of `EraseTables`.
    """
    store, protector, catalogue = clients.store, clients.protector, clients.catalogue
    return [
        ScopeErasure(clients.warehouse, store, catalogue, protector).scope_erasure,
        EraseWritebacks(writebacks, store, protector).erase_writebacks,
        EraseFiles(store, protector).erase_files,
        EraseRaw(store, clients.warehouse, catalogue, protector).erase_raw,
        EraseTables(clients.warehouse, store, catalogue, protector, open_shadow, rewrites).erase_tables,
        EraseArchive(subject_keys, writebacks, store, protector).erase_archive,
        CertifyErasure(erasures, store).certify_erasure,
    ]
