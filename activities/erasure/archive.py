"""erase_archive: destroy the keys with which the records' values are sealed in the locked archive.

Its files stay as they are until their lock ends: nobody can rewrite them, and nobody can read the
sealed values of the records any more. Runs after the tables: a month that is sealed meanwhile takes
its keys before it reads rows.
"""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.erasure.scope import read_scope
from activities.runtime.heartbeat import heartbeating
from clients.retention.store_source import attempt_subjects
from clients.retention.subject_keys import SubjectKeys
from clients.storage.objects import ObjectStore
from clients.writeback.erasure import ErasedKeys, numbers_of
from clients.writeback.store import WritebackStore
from schemas import names
from schemas.security.erasure import ErasedPlaces, ErasureStep, StoreCount
from transforms.pii import Protector

STORE = "keys of archived records"


@dataclass
class EraseArchive:
    """The activity and what it needs; one for a process."""

    subject_keys: SubjectKeys
    writebacks: WritebackStore
    store: ObjectStore
    protector: Protector

    @activity.defn(name=names.ERASE_ARCHIVE)
    async def erase_archive(self, request: ErasureStep) -> ErasedPlaces:
        """Destroy every key of the records; of a dry run count those that there are."""
        async with heartbeating():
            return await asyncio.to_thread(self._erase, request)

    def _erase(self, request: ErasureStep) -> ErasedPlaces:
        scope = read_scope(self.store, self.protector, request.org, request.key)
        chosen = ErasedKeys(scope.ids, scope.keys)
        # An attempt at a record that nobody knew has a subject of its own.
        nameless = attempt_subjects(numbers_of(self.writebacks, chosen, request.key))
        subjects = scope.ids | nameless
        gone_before = len(self.subject_keys.destroyed(subjects))
        if request.is_dry:
            fresh = len(self.subject_keys.read(subjects))
        else:
            fresh = self.subject_keys.destroy(subjects)
        count = StoreCount(store=STORE, places=max(fresh, gone_before), rewritten=fresh)
        return ErasedPlaces(stores=(count,))
