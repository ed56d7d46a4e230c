"""Hold the audit log against its own chain and against its anchors, from anchor to anchor, in one
pass and constant memory.

The chain alone cannot tell that its end was cut off, nor that somebody computed all of it again.
An anchor is signed and locked, and it has the digest of every row: so each row that is missing,
changed or elsewhere is named.
"""

import base64
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from clients.audit.anchors import Anchors, StoredAnchor
from clients.audit.signing import PublicKey
from clients.database.audit_chain import BEFORE_FIRST, ChainRow
from clients.database.audit_log import AuditLog, act_digest, row_breaks
from schemas.ingest.messages import Act
from schemas.security.acting import Origin
from schemas.security.audit import DIGEST_BYTES, Anchor, AuditVerdict
from transforms.proof import ActKeys, doubt_of

_CLAIMS_PROOF = '"verified":true'
MOST_PROBLEMS = 1_000
"""Sentences of a verdict; of more, the number alone."""


@dataclass
class _Sentences:
    said: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, sentence: str) -> None:
        if len(self.said) < MOST_PROBLEMS:
            self.said.append(sentence)
        else:
            self.more += 1

    def all(self) -> tuple[str, ...]:
        return (*self.said, *([f"and {self.more:,} more"] if self.more else []))


class _Rows:
    """The rows of the log, one after the other, each held against the one before it."""

    def __init__(self, rows: Iterator[ChainRow], problems: _Sentences, keys: ActKeys | None) -> None:
        self._rows = rows
        self._problems = problems
        self._keys = keys
        self._next: ChainRow | None = None
        self._previous, self._expected = BEFORE_FIRST, 1
        self.count = self.unproven = self.last = 0
        self._advance()

    def up_to(self, number: int) -> Iterator[ChainRow]:
        """The rows up to this number that were not taken yet."""
        while self._next is not None and self._next.number <= number:
            yield self._next
            self._advance()

    def rest(self) -> Iterator[ChainRow]:
        """All that were not taken yet."""
        while self._next is not None:
            yield self._next
            self._advance()

    def _advance(self) -> None:
        row = self._next = next(self._rows, None)
        if row is None:
            return
        for each in row_breaks(row, self._expected, self._previous):
            self._problems.add(each)
        self._previous, self._expected = row.hash, row.number + 1
        self.count, self.last = self.count + 1, row.number
        if _CLAIMS_PROOF not in row.origin:
            self.unproven += 1
        elif self._keys is not None and (doubt := _doubt(row, self._keys)):
            self._problems.add(f"row {row.number} calls its author proven, and {doubt}")


def verify_log(
    log: AuditLog,
    anchors: Anchors | None,
    key: PublicKey | None = None,
    act_keys: ActKeys | None = None,
) -> AuditVerdict:
    """Read the whole log, and say in sentences what is wrong with it. Blocks.

    Args:
        log: The audit log.
        anchors: None = no bucket is set; then only the chain is checked.
        key: The public key of the anchors. None = KMS is asked for it.
        act_keys: The keys that prove authors. None = proofs are not checked again.

    Raises:
        UnavailableError: The store, S3 or KMS does not answer.
    """
    problems = _Sentences()
    with log.walk() as walked:
        rows = _Rows(walked, problems, act_keys)
        if anchors is None:
            for _ in rows.rest():
                pass
            return AuditVerdict(problems=problems.all(), acts=rows.count, unproven=rows.unproven)
        walk = _AnchorWalk(rows, problems, key or anchors.signer.public_key(), anchors.org)
        for stored in anchors.read():
            walk.take(stored)
        for _ in rows.rest():
            pass
        walk.tell_cut_off()
    return AuditVerdict(
        problems=problems.all(),
        acts=rows.count,
        anchors=walk.count,
        anchored_to=walk.last.number if walk.last else 0,
        anchored_at=walk.last.at if walk.last else None,
        unproven=rows.unproven,
    )


def _doubt(row: ChainRow, keys: ActKeys) -> str:
    """Why the row's proof does not hold; empty = it does."""
    try:
        origin = Origin.model_validate_json(row.origin)
    except ValidationError:
        return "its origin cannot be read"
    if origin.operation == row.act:  # done in the process itself: the proof is of the row
        said = Act(act=row.act, by=row.by, target=row.target, detail=row.detail, at=row.at)
        if origin.target != row.target or origin.content != act_digest(said):
            return "its proof is of another act"
    return doubt_of(origin, row.by, origin.target, keys)


class _AnchorWalk:
    def __init__(self, rows: _Rows, problems: _Sentences, key: PublicKey, org: str) -> None:
        self._rows = rows
        self._problems = problems
        self._key = key
        self._org = org
        self._digests = {""}
        self._missing: list[tuple[int, int, Anchor]] = []
        self.last: Anchor | None = None
        self.count = 0

    def take(self, stored: StoredAnchor) -> None:
        """Hold the next rows against the next anchor."""
        self.count += 1
        anchor, name = stored.anchor, stored.key
        if stored.is_overlaid:
            self._problems.add(f"the anchor {name} was overwritten or hidden; its first version counts")
        if anchor is None or anchor.org != self._org or not self._key.has_signed(anchor):
            self._problems.add(f"the anchor {name} is not signed by the key: it counts for nothing")
            return
        if anchor.previous not in self._digests:
            self._problems.add(f"the anchor before {name} is missing")
        self._digests.add(stored.digest)
        done = self.last.number if self.last else 0
        if anchor.number <= done:
            return
        if anchor.first > done + 1:
            self._problems.add(f"rows {done + 1} to {anchor.first - 1} are not anchored")
            for _ in self._rows.up_to(anchor.first - 1):
                pass
        self._compare(anchor, done)
        self.last = anchor

    def tell_cut_off(self) -> None:
        """Say which missing rows are the end of the log, and which are holes in it."""
        for first, last, anchor in self._missing:
            where = f"row {first}" if first == last else f"rows {first} to {last}"
            when = f"{anchor.at:%Y-%m-%d %H:%M:%S} UTC"
            if first > self._rows.last:
                self._problems.add(f"{where} cut off the end: anchored at {when}, and not in the log")
            else:
                self._problems.add(f"{where} missing: anchored at {when}, and not in the log")

    def _compare(self, anchor: Anchor, done: int) -> None:
        kept = base64.b64decode(anchor.digests)
        digests = [kept[at : at + DIGEST_BYTES] for at in range(0, len(kept), DIGEST_BYTES)]
        begin = max(anchor.first, done + 1)
        expected = dict(zip(range(anchor.first, anchor.number + 1), digests, strict=False))
        found: dict[int, bytes] = {}
        head = ""
        for row in self._rows.up_to(anchor.number):
            found[row.number], head = row.content(), row.hash
        wanted = {number: expected.get(number, b"") for number in range(begin, anchor.number + 1)}
        if found == wanted:
            if head != anchor.hash:
                self._problems.add(
                    f"the hashes up to row {anchor.number} were computed again: they are not those that were anchored"
                )
            return
        self._name(anchor, wanted, found)

    def _name(self, anchor: Anchor, wanted: dict[int, bytes], found: dict[int, bytes]) -> None:
        """Name every row that is not as it was anchored."""
        was = {digest: number for number, digest in wanted.items()}
        now = {digest: number for number, digest in found.items()}
        when = f"{anchor.at:%Y-%m-%d %H:%M:%S} UTC"
        gone = []
        for number, digest in wanted.items():
            said = found.get(number)
            if said == digest:
                continue
            if (elsewhere := now.get(digest)) is not None:
                self._problems.add(f"row {number} was moved: it stands at {elsewhere} now")
            elif said is None:
                gone.append(number)
            elif said not in was:
                self._problems.add(f"row {number} was changed after it was anchored at {when}")
            else:
                gone.append(number)
        for _, some in itertools.groupby(enumerate(gone), key=lambda each: each[1] - each[0]):
            numbers = [number for _, number in some]
            self._missing.append((numbers[0], numbers[-1], anchor))
