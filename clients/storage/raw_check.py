"""Manifests held against the raw files that they name: existence, size and checksum.

A question or two a batch, many at a time, and nothing is kept but counts: the memory that it takes
does not grow with the months that it checks.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from pydantic import ValidationError

from clients.storage.landed_batches import LandedBatches
from clients.storage.objects import ObjectStore
from schemas.ids import chain_prefix
from schemas.ingest.raw import Manifest
from schemas.raw_check import MOST_FINDINGS, RawFault, RawFinding, RawReport
from schemas.replay import ReplaySelection

_AT_ONCE = 16
_STEP = 256
"""Batches after which the count is given."""


class RawQuestion(NamedTuple):
    """The batches to check, and how."""

    org: str
    lane: str | None = None
    """None = every lane."""
    since: datetime | None = None
    """Batches whose last change was received from here on; None = from the first."""
    until: datetime | None = None
    """Batches whose first change was received before; None = up to the last."""
    reads: bool = False
    """True = every file is read and its bytes are hashed. False = S3's own checksum is compared,
    where the object has one.
    """


class _Checked(NamedTuple):
    manifest: Manifest | None
    fault: RawFault | None
    has_checksum: bool


def check_raw(store: ObjectStore, question: RawQuestion) -> Iterator[RawReport]:
    """Check; gives the report so far after some hundred batches each, and the whole one at the end.
    Blocks.
    """
    report = RawReport()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="raw-check") as pool:
        for lane in _lanes(store, question):
            keys = store.keys(chain_prefix(question.org, lane))
            report = report.model_copy(update={"lanes": report.lanes + 1})
            while some := list(islice(keys, _STEP)):
                found = pool.map(lambda key: _check(store, key, question), some)
                for key, checked in zip(some, found, strict=True):
                    if checked is not None:
                        report = _plus(report, lane, key, checked)
                yield report
    yield report


def _lanes(store: ObjectStore, question: RawQuestion) -> Iterator[str]:
    if question.lane is not None:
        return iter((question.lane,))
    return LandedBatches(store, ReplaySelection(org=question.org)).lanes()


def _check(store: ObjectStore, key: str, question: RawQuestion) -> _Checked | None:
    """One batch; None when it is not among those asked for."""
    try:
        manifest = Manifest.model_validate_json(store.get(key))
    except ValidationError:
        return _Checked(None, RawFault.MANIFEST, has_checksum=False)
    if question.since is not None and manifest.last_received_at < question.since:
        return None
    if question.until is not None and manifest.first_received_at >= question.until:
        return None
    return _held_against(store, manifest, reads=question.reads)


def _held_against(store: ObjectStore, manifest: Manifest, *, reads: bool) -> _Checked:
    facts = store.facts(manifest.raw_key)
    if facts is None:
        return _Checked(manifest, RawFault.MISSING, has_checksum=False)
    if facts.size != manifest.raw_bytes:
        return _Checked(manifest, RawFault.SIZE, has_checksum=False)
    kept = facts.sha256
    if reads:
        body = store.find(manifest.raw_key)
        kept = None if body is None else hashlib.sha256(body).hexdigest()
    fault = RawFault.CHECKSUM if kept not in (None, manifest.raw_sha256) else None
    return _Checked(manifest, fault, has_checksum=kept is not None)


def _plus(report: RawReport, lane: str, key: str, checked: _Checked) -> RawReport:
    manifest, findings = checked.manifest, report.findings
    if checked.fault is not None and len(findings) < MOST_FINDINGS:
        raw, changes = ("", 0) if manifest is None else (manifest.raw_key, manifest.changes)
        one = RawFinding(fault=checked.fault, lane=lane, manifest=key, raw=raw, changes=changes)
        findings = (*findings, one)
    return report.model_copy(
        update={
            "batches": report.batches + 1,
            "bytes": report.bytes + (0 if manifest is None else manifest.raw_bytes),
            "checksums": report.checksums + checked.has_checksum,
            "faults": report.faults + (checked.fault is not None),
            "findings": findings,
        }
    )
