"""Anchors: written one after the other, each with the digest of the one before it; read back in
order.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import ValidationError

from clients.audit.locked_objects import LockedObject, LockedObjects
from clients.audit.signing import ALGORITHM, AnchorSigner
from clients.database.audit_chain import ChainRow
from clients.database.audit_log import AuditLog
from schemas.security.audit import ANCHOR_ROWS, Anchor
from schemas.security.ids import anchor_key, anchor_prefix

_log = logging.getLogger(__name__)
_ONE_AT_A_TIME = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('tidegate anchors'))")
_STILL_HERE = sa.text("SELECT 1")
_READERS = 16
_FIRST_STEP = 1_000


@dataclass(frozen=True)
class StoredAnchor:
    """An anchor as it lies in the bucket."""

    key: str
    anchor: Anchor | None
    """None = it cannot be read."""
    digest: str
    """SHA-256 of its bytes, hex."""
    is_overlaid: bool


class Anchors:
    """The anchors of one org's log. Its methods block."""

    def __init__(self, objects: LockedObjects, signer: AnchorSigner, org: str, *, keep_days: int) -> None:
        self.objects = objects
        self.signer = signer
        self.org = org
        self._keep_days = keep_days

    def write(self, log: AuditLog) -> int:
        """Anchor what is new in the log; returns how many anchors that took. 0 = there was
        nothing new, or another process is at it.
        """
        with log.transaction() as connection:
            if not connection.execute(_ONE_AT_A_TIME).scalar():
                return 0
            # A transaction that says nothing for a minute is ended, and its lock with it.
            return self._write(log, lambda: connection.execute(_STILL_HERE))

    def last_number(self, head: int) -> int:
        """The last row that is anchored; 0 = none is. `head`: the log's last row, near which it is
        looked for.
        """
        last = self._last(head)
        return 0 if last is None or last.anchor is None else last.anchor.number

    def read(self) -> Iterator[StoredAnchor]:
        """Every anchor in order; some are fetched ahead."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="anchors") as pool:
            ahead = []
            for found in self.objects.versions(anchor_prefix(self.org)):
                ahead.append(pool.submit(self._stored, found))
                if len(ahead) > _READERS:
                    yield ahead.pop(0).result()
            for each in ahead:
                yield each.result()

    def _write(self, log: AuditLog, speak: Callable[[], object]) -> int:
        head, _ = log.head()
        last = self._last(head)
        done = 0 if last is None or last.anchor is None else last.anchor.number
        if head < done:
            _log.error(
                "the audit log ends at row %d, and row %d was anchored: rows are missing. Run tidegate audit verify",
                head,
                done,
            )
        previous = "" if last is None else last.digest
        count = 0
        with log.walk(after=done) as rows:
            for some in _portions(rows):
                body = self._signed(some, previous)
                if not self.objects.create(anchor_key(self.org, some[-1].number), body, days=self._keep_days):
                    break
                previous = hashlib.sha256(body).hexdigest()
                count += 1
                speak()
        return count

    def _signed(self, rows: list[ChainRow], previous: str) -> bytes:
        anchor = Anchor(
            org=self.org,
            first=rows[0].number,
            number=rows[-1].number,
            hash=rows[-1].hash,
            digests=base64.b64encode(b"".join(row.content() for row in rows)).decode(),
            previous=previous,
            at=datetime.now(UTC),
            algorithm=ALGORITHM,
            key_id=self.signer.key_id,
        )
        return self.signer.sign(anchor).model_dump_json().encode()

    def _last(self, head: int) -> StoredAnchor | None:
        """The last anchor; None = there is none. It is looked for near the log's head, so that
        years of anchors need not be listed.
        """
        prefix, step = anchor_prefix(self.org), _FIRST_STEP
        keys = self.objects.keys_after(prefix, anchor_key(self.org, head))
        begin = head
        while not keys and begin > 0:
            begin = max(head - step, 0)
            keys = self.objects.keys_after(prefix, anchor_key(self.org, begin))
            step *= 8
        while keys and (more := self.objects.keys_after(prefix, keys[-1])):
            keys = more
        if not keys:
            return None
        found = next(iter(self.objects.versions(keys[-1])))
        return self._stored(found)

    def _stored(self, found: LockedObject) -> StoredAnchor:
        body = self.objects.get(found)
        digest = hashlib.sha256(body).hexdigest()
        try:
            anchor = Anchor.model_validate_json(body)
        except ValidationError:
            anchor = None
        return StoredAnchor(found.key, anchor, digest, found.is_overlaid)


def _portions(rows: Iterator[ChainRow]) -> Iterator[list[ChainRow]]:
    some: list[ChainRow] = []
    for row in rows:
        some.append(row)
        if len(some) == ANCHOR_ROWS:
            yield some
            some = []
    if some:
        yield some
