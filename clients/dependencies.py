"""The clients of one process, which its activities use. Workers open them; so do tests, over parts
of their own.
"""

from dataclasses import dataclass

from temporalio.client import Client

from clients.database.audit_log import AuditLog
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import SessionSource
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue
from transforms.pii import Protector


@dataclass(frozen=True)
class Clients:
    """Temporal, the store, the warehouse, the audit log, and the catalogue with what protects its
    values.
    """

    temporal: Client
    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue
    audit: AuditLog
    protector: Protector


@dataclass(frozen=True)
class OrgClients:
    """The way to one org. A process that never calls it has none."""

    org_id: str
    """18 characters."""
    sessions: SessionSource
    http: OrgHttp
