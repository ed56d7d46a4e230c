"""From settings to the steps of writebacks."""

from activities.writeback_carriers import Collections
from activities.writeback_evidence import ChangeLog
from activities.writeback_steps import WritebackSteps, WritebackTerms
from clients.org_http import OrgHttp, Sessions
from clients.record_writes import CompositeWrites
from clients.records_by_key import RecordsByKey
from clients.warehouse import Warehouse
from clients.writebacks.batches import Batches
from clients.writebacks.forming import Forming
from clients.writebacks.pauses import Pauses
from clients.writebacks.sessions import WritebackStore
from schemas.catalogue import Catalogue
from transforms.protect import Protector
from transforms.writeback_batches import Terms
from workers.settings import WritebackSettings


def writeback_steps(
    settings: WritebackSettings,
    store: WritebackStore,
    http: OrgHttp,
    sessions: Sessions,
    warehouse: Warehouse,
    catalogue: Catalogue,
    protector: Protector,
) -> WritebackSteps:
    """The activities of the `writebacks` role."""
    return WritebackSteps(
        org=http,
        sessions=sessions,
        forming=Forming(store, Terms(linger=settings.linger)),
        batches=Batches(store),
        pauses=Pauses(store),
        collections=Collections(CompositeWrites(http)),
        records=RecordsByKey(http),
        change_log=ChangeLog(warehouse),
        catalogue=lambda: catalogue,
        protector=protector,
        terms=WritebackTerms(settings.newer, settings.settled_after, settings.patience),
    )
