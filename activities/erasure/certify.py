"""certify_erasure: put on record what was erased, and forget how it was found."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from clients.database.erasures import ErasureCertificate, Erasures, certificate_digest
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.security.erasure import Certified, CertifyInput
from schemas.security.ids import erasure_scope_key


@dataclass
class CertifyErasure:
    """The activity and what it needs; one for a process."""

    erasures: Erasures
    store: ObjectStore

    @activity.defn(name=names.CERTIFY_ERASURE)
    async def certify_erasure(self, request: CertifyInput) -> Certified:
        """Store the certificate of an erasure, and delete its scope; of a dry run the scope
        alone.
        """
        return await asyncio.to_thread(self._certify, request)

    def _certify(self, request: CertifyInput) -> Certified:
        state, now = request.state, datetime.now(UTC)
        began_at = state.began_at or now
        kept = ErasureCertificate(state.key, began_at, now, "", {})
        if not state.is_dry:
            content = {
                "erasure": state.key,
                "org": state.org,
                "records": list(request.records),
                "records_erased": state.records,
                "related": state.related,
                "by": request.by,
                "reason": request.reason,
                "began_at": began_at.isoformat(),
                "ended_at": now.isoformat(),
                "passes": state.passes,
                "stores": [each.model_dump() for each in state.stores],
            }
            made = ErasureCertificate(state.key, began_at, now, certificate_digest(content), content)
            kept = self.erasures.keep(made)
        self.store.purge(erasure_scope_key(state.org, state.key))
        return Certified(digest=kept.digest, at=kept.ended_at)
