"""Activities of writeback: send changes to Salesforce and record the outcomes."""

from collections.abc import Callable
from typing import Any

from activities.writeback.bulk import BulkJobConfig, IngestJobs
from activities.writeback.change_log import ChangeLog
from activities.writeback.collections import Collections
from activities.writeback.config import WritebackConfig
from activities.writeback.echoes import EchoSteps
from activities.writeback.preview import PreviewSteps
from activities.writeback.send import WritebackSteps
from clients.dependencies import Clients, OrgClients
from clients.salesforce.bulk.ingest import BulkIngest
from clients.salesforce.collections import CompositeWrites
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.storage.objects import ObjectStore
from clients.writeback.batch_former import BatchFormer
from clients.writeback.batches import WritebackBatches
from clients.writeback.echoes import Echoes
from clients.writeback.pauses import Pauses
from clients.writeback.refusal_words import RefusalWords
from clients.writeback.store import WritebackStore
from schemas.catalogue import Catalogue
from transforms.pii import Protector
from transforms.writeback.batching import BatchingConfig


def activities(
    clients: Clients,
    org: OrgClients,
    store: WritebackStore,
    *,
    batching: BatchingConfig,
    sending: WritebackConfig,
    jobs: BulkJobConfig,
) -> list[Callable[..., Any]]:
    """For `names.WRITEBACK_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        store: Where writebacks wait.
        batching: When a batch is full or has waited long enough.
        sending: What is done about newer changes and lost answers.
        jobs: How long an ingest job may take.
    """
    steps = _sender(clients, org, store, batching, sending, jobs)
    previews = preview_steps(clients.store, org, clients.catalogue, clients.protector, batching)
    echoes = EchoSteps(Echoes(store), clients.warehouse, org.sessions, clients.catalogue)
    return [
        steps.form_writebacks,
        steps.send_writebacks,
        steps.look_up_writebacks,
        steps.set_writeback_pause,
        echoes.find_echoes,
        previews.preview_writebacks,
    ]


def preview_steps(
    store: ObjectStore, org: OrgClients, catalogue: Catalogue, protector: Protector, batching: BatchingConfig
) -> PreviewSteps:
    """Dry runs: an activity of the worker, and the command line's without one."""
    records = RecordsByKey(org.http)
    return PreviewSteps(records, org.sessions, store, org.org_id, catalogue, protector, batching)


def _sender(
    clients: Clients,
    org: OrgClients,
    store: WritebackStore,
    batching: BatchingConfig,
    sending: WritebackConfig,
    jobs: BulkJobConfig,
) -> WritebackSteps:
    batches = WritebackBatches(store, RefusalWords(lambda: clients.protector).seal)
    return WritebackSteps(
        org=org.http,
        sessions=org.sessions,
        forming=BatchFormer(store, batching),
        batches=batches,
        pauses=Pauses(store),
        collections=Collections(CompositeWrites(org.http)),
        jobs=IngestJobs(org.http, org.sessions, BulkIngest(org.http), batches, jobs),
        records=RecordsByKey(org.http),
        change_log=ChangeLog(clients.warehouse),
        catalogue=clients.catalogue,
        protector=clients.protector,
        terms=sending,
    )
