"""From settings to the way into the store of writebacks; the API and the command line share it."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import Client

from clients.salesforce.describe_cache import Describes
from clients.storage.objects import ObjectStore
from clients.temporal.writeback_queues import WritebackQueues
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.writeback.intake import WritebackIntake
from clients.writeback.parent_locks import ParentLookup
from clients.writeback.refusal_words import RefusalWords
from schemas.catalogue import Catalogue
from transforms.pii import Protector
from transforms.writeback.validate import WritebackChecks
from workers.addresses import operational_address
from workers.security.keys import open_key_ring
from workers.security.opened_values import OpenedValues
from workers.settings import Settings
from workers.value_readings import TakesActs


@contextmanager
def writeback_intake(
    settings: Settings, catalogue: Catalogue, store: ObjectStore, warehouse: Warehouse
) -> Iterator[WritebackIntake]:
    """Where writebacks are accepted, until left. Nothing has to answer before the first of them
    comes. A catalogue that lives is followed.
    """
    org = settings.salesforce.org_id
    parents = ParentLookup(warehouse, catalogue)

    def checks() -> WritebackChecks:
        protector = Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue)
        if isinstance(catalogue, LiveCatalogue):
            catalogue.when_changed(protector.reload)
        return WritebackChecks(catalogue, protector, Describes(store, org).find)

    intake = WritebackIntake(operational_address(settings.operational), checks, parents.locks)
    try:
        yield intake
    finally:
        intake.close()
        parents.close()


def refusal_words(
    settings: Settings, catalogue: Catalogue, store: ObjectStore, warehouse: Warehouse
) -> RefusalWords:
    """The part that shows Salesforce's words about refused writebacks. Nothing has to answer
    before the first of them is asked for.
    """
    return RefusalWords(lambda: Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue))


def opened_values(
    settings: Settings, catalogue: LiveCatalogue, store: ObjectStore, warehouse: Warehouse, log: TakesActs
) -> OpenedValues:
    """The part that opens protected fields of records. It follows the catalogue."""

    def protector() -> Protector:
        made = Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue)
        catalogue.when_changed(made.reload)
        return made

    return OpenedValues(protector, warehouse, log)


def writeback_queues(client: Client, settings: Settings) -> WritebackQueues:
    """The org's writeback queues, to be opened as a context; new ones open as many batches at once
    as the settings say.
    """
    return WritebackQueues(
        client, settings.salesforce.org_id, max_open_batches=settings.writeback.max_open_batches
    )
