"""Commands of operators for the read copy."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.read_copy.fill import CopyFiller, FilledCopy, Tell
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.read_copy.standing import Standing, standings
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.ingest.messages import Act
from transforms.pii import Protector
from workers.addresses import operational_address, s3_address
from workers.clients import catalogue_file, open_warehouse
from workers.security.keys import open_key_ring
from workers.settings import Settings

_NO_COPY = (
    "This engine has no read copy. Set TIDEGATE_READ_COPY__DSN to a PostgreSQL database for it, "
    "and run `tidegate migrate`."
)


@dataclass(frozen=True)
class CopyCommands:
    """Commands of operators for the read copy. The methods block."""

    org: str
    warehouse: Warehouse
    catalogue: Catalogue
    filler: CopyFiller
    audit: AuditLog

    def fill(self, name: str, *, afresh: bool, by: str, reason: str, tell: Tell) -> FilledCopy:
        """Fill the copy of an object, on record. Arguments: as of `CopyFiller.fill`, and who asks
        why.
        """
        self.catalogue.object(name)
        how = "emptied and filled" if afresh else "filled"
        self._record("read_copy.fill", name, f"{how}: {reason}" if reason else how, by)
        return self.filler.fill(name, afresh=afresh, tell=tell)

    def standings(self) -> list[Standing]:
        """How each object stands."""
        with self.warehouse.with_copy()[0].reading() as reading:
            return list(standings(reading).values())

    def _record(self, act: str, name: str, detail: str, by: str) -> None:
        target = f"read-copy/{self.org}/{name}"
        self.audit.append(Act(act=act, by=by, target=target, detail=detail, at=datetime.now(UTC)))


@contextmanager
def copy_commands(settings: Settings) -> Iterator[CopyCommands]:
    """Until left. Raises `SettingsError` where the engine has no read copy."""
    if settings.read_copy is None:
        raise SettingsError(_NO_COPY)
    with (
        closing(open_warehouse(settings)) as warehouse,
        closing(AuditLog(operational_address(settings.operational))) as audit,
    ):
        catalogue = LiveCatalogue.over(catalogue_file(settings), warehouse)
        store = ObjectStore(s3_address(settings.s3))
        protector = Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue)
        catalogue.when_changed(protector.reload)
        filler = CopyFiller(warehouse, catalogue, protector)
        yield CopyCommands(settings.salesforce.org_id, warehouse, catalogue, filler, audit)
