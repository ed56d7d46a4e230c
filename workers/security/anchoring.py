"""The audit log's anchors: opened from settings, and written on a schedule and at each stop."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace

from clients.audit.anchors import Anchors
from clients.audit.locked_objects import LockedObjects
from clients.audit.signing import AnchorSigner, PublicKey
from clients.audit.verify import verify_log
from clients.concurrency import run_to_completion
from clients.database.audit_log import AuditLog
from clients.writeback.attempts.verify import broken_seals
from schemas.errors import SettingsError, TidegateError
from schemas.security.audit import AuditVerdict
from workers.addresses import operational_address, s3_address
from workers.security.origins import act_keys, act_ring
from workers.settings import Settings

_log = logging.getLogger(__name__)
_LAST_SECONDS = 5.0
"""For the anchor of a process that stops, after its drain. What it lacks the next process
anchors.
"""


def open_anchors(settings: Settings) -> Anchors | None:
    """The anchors of the settings' org; None = no bucket is set. Raises `SettingsError` for a
    bucket without a signing key.
    """
    audit = settings.audit
    if audit.bucket is None:
        return None
    if audit.signing_key_id is None:
        raise SettingsError(
            "TIDEGATE_AUDIT__BUCKET needs TIDEGATE_AUDIT__SIGNING_KEY_ID, the KMS key that signs anchors."
        )
    address = s3_address(settings.s3)
    key_of_class = address.place("anchors/").kms_key_id
    return Anchors(
        LockedObjects(replace(address, kms_key_id=key_of_class), audit.bucket),
        AnchorSigner(address, audit.signing_key_id),
        settings.salesforce.org_id,
        keep_days=audit.keep_days,
    )


def verify_audit(settings: Settings, key: PublicKey | None = None) -> AuditVerdict:
    """Hold the log against its chain, its anchors and the attempts that it seals. Blocks.

    Args:
        settings: Of the engine.
        key: The public key of the anchors. None = KMS is asked for it.
    """
    dsn = operational_address(settings.operational)
    with closing(AuditLog(dsn)) as log:
        log.ensure_tables()
        verdict = verify_log(log, open_anchors(settings), key, act_keys(act_ring(settings)))
    return verdict.model_copy(update={"problems": (*verdict.problems, *broken_seals(dsn))})


@asynccontextmanager
async def keeping_anchors(settings: Settings, log: AuditLog) -> AsyncIterator[None]:
    """Write an anchor every now and then where the log has something new, and one when left."""
    anchors = await asyncio.to_thread(open_anchors, settings)
    if anchors is None:
        _log.warning("the audit log has no anchors: TIDEGATE_AUDIT__BUCKET is not set")
        yield
        return
    task = asyncio.create_task(_keep(anchors, log, settings.audit.anchor_every.total_seconds()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await _write(anchors, log)
        except TimeoutError:
            _log.warning("the audit log's last anchor was not written within %.0f s", _LAST_SECONDS)


async def _keep(anchors: Anchors, log: AuditLog, every: float) -> None:
    while True:
        await run_to_completion(_write(anchors, log))
        await asyncio.sleep(every)


async def _write(anchors: Anchors, log: AuditLog) -> None:
    try:
        await asyncio.to_thread(log.ensure_tables)
        await asyncio.to_thread(anchors.write, log)
    except TidegateError as error:
        _log.error("the audit log cannot be anchored now: %s", error)
