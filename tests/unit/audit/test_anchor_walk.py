"""The log held against its anchors: each row that is not as it was anchored is named, and no other.

The signing key is one of this file's own; KMS signs with another of its kind.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from clients.audit.anchors import StoredAnchor
from clients.audit.signing import ALGORITHM, PublicKey, signed_digest
from clients.audit.verify import _AnchorWalk, _Rows, _Sentences
from clients.database.audit_chain import BEFORE_FIRST, ChainRow
from schemas.security.audit import Anchor

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
WHEN = "2026-09-01 12:00:00 UTC"
KEY = ec.generate_private_key(ec.SECP256R1())


def chained(rows: Sequence[ChainRow]) -> list[ChainRow]:
    """The rows with these contents, numbered and hashed as if they had been written so."""
    made: list[ChainRow] = []
    for number, row in enumerate(rows, start=1):
        previous = made[-1].hash if made else BEFORE_FIRST
        row = replace(row, number=number, previous_hash=previous)
        made.append(replace(row, hash=row.own_hash()))
    return made


LOG = chained(
    [
        ChainRow(
            0, 2, AT + timedelta(seconds=n), "lane.pause", "ada", "lane/o/c", f"reason {n}", "{}", "", ""
        )
        for n in range(1, 11)
    ]
)


def anchor(first: int, last: int, before: Sequence[StoredAnchor] = (), **other: object) -> StoredAnchor:
    """An anchor of some rows of `LOG`, signed."""
    rows = LOG[first - 1 : last]
    said = Anchor(
        org="o",
        first=first,
        number=last,
        hash=rows[-1].hash,
        digests=base64.b64encode(b"".join(row.content() for row in rows)).decode(),
        previous=before[-1].digest if before else "",
        at=AT,
        algorithm=ALGORITHM,
        key_id="k",
    ).model_copy(update=other)
    signature = KEY.sign(signed_digest(said), ec.ECDSA(Prehashed(SHA256())))
    signed = said.model_copy(update={"signature": base64.b64encode(signature).decode()})
    digest = sha256(signed.model_dump_json().encode()).hexdigest()
    return StoredAnchor(f"{last}.json", signed, digest, is_overlaid=False)


def anchored(*ends: int) -> list[StoredAnchor]:
    """Anchors one after the other, up to these rows."""
    made: list[StoredAnchor] = []
    for first, last in zip((0, *ends), ends, strict=False):
        made.append(anchor(first + 1, last, made))
    return made


def walked(rows: Sequence[ChainRow], anchors: Sequence[StoredAnchor]) -> tuple[list[str], _Rows, _AnchorWalk]:
    problems = _Sentences()
    log = _Rows(iter(rows), problems, None)
    walk = _AnchorWalk(log, problems, PublicKey(KEY.public_key()), "o")
    for each in anchors:
        walk.take(each)
    for _ in log.rest():
        pass
    walk.tell_cut_off()
    return list(problems.all()), log, walk


def problems(rows: Sequence[ChainRow], anchors: Sequence[StoredAnchor]) -> list[str]:
    return walked(rows, anchors)[0]


def test_a_whole_log_and_its_anchors_are_counted() -> None:
    found, rows, walk = walked(LOG, anchored(4, 7))
    assert found == []
    assert (rows.count, rows.last, rows.unproven) == (10, 10, 10)
    assert walk.count == 2
    assert walk.last is not None
    assert walk.last.number == 7


def test_a_row_that_claims_a_proof_is_not_counted_as_unproven() -> None:
    proven = chained([replace(LOG[0], origin='{"verified":true}'), LOG[1]])
    assert walked(proven, [])[1].unproven == 1


def test_an_anchor_that_cannot_be_read_or_is_of_another_org_counts_for_nothing() -> None:
    first, second = anchored(4, 7)
    for nothing in (replace(second, anchor=None), anchor(5, 7, [first], org="other")):
        found, _, walk = walked(LOG, [first, nothing])
        assert found == ["the anchor 7.json is not signed by the key: it counts for nothing"]
        assert (walk.count, walk.last and walk.last.number) == (2, 4)


def test_an_anchor_that_was_changed_after_it_was_signed_counts_for_nothing() -> None:
    (stored,) = anchored(4)
    assert stored.anchor is not None
    for change in ({"number": 3}, {"signature": "no base64"}, {"signature": ""}):
        changed = replace(stored, anchor=stored.anchor.model_copy(update=change))
        assert "not signed by the key" in problems(LOG, [changed])[0]
    assert "not signed by the key" in problems(LOG, [anchor(1, 4, algorithm="NONE")])[0]


def test_an_anchor_that_is_gone_leaves_its_rows_without_one() -> None:
    first, _, third = anchored(4, 7, 10)
    assert problems(LOG, [first, third]) == [
        "the anchor before 10.json is missing",
        "rows 5 to 7 are not anchored",
    ]


def test_an_anchor_that_is_overlaid_is_named_and_still_counts() -> None:
    first, second = anchored(4, 7)
    found, _, walk = walked(LOG, [first, replace(second, is_overlaid=True)])
    assert found == ["the anchor 7.json was overwritten or hidden; its first version counts"]
    assert walk.last == second.anchor


def test_an_anchor_of_rows_that_are_anchored_says_nothing_of_them() -> None:
    first, second = anchored(4, 7)
    assert problems(LOG, [first, second, anchor(5, 7, [first, second])]) == []
    assert problems(LOG, [first, anchor(3, 7, [first]), anchor(2, 3, [first])]) == []


def test_a_row_that_was_changed_is_named() -> None:
    rows = chained([replace(row, by="eve") if row.number in (2, 9) else row for row in LOG])
    assert problems(rows, anchored(4, 10)) == [
        f"row {number} was changed after it was anchored at {WHEN}" for number in (2, 9)
    ]


def test_rows_in_each_others_place_are_named_with_where_they_stand() -> None:
    rows = chained([LOG[0], LOG[2], LOG[1], *LOG[3:]])
    assert problems(rows, anchored(10)) == [
        "row 2 was moved: it stands at 3 now",
        "row 3 was moved: it stands at 2 now",
    ]


def test_rows_that_are_gone_from_the_middle_are_named_together() -> None:
    rows = [row for row in LOG if row.number not in (3, 4, 6)]
    assert problems(rows, anchored(10))[-2:] == [
        f"rows 3 to 4 missing: anchored at {WHEN}, and not in the log",
        f"row 6 missing: anchored at {WHEN}, and not in the log",
    ]


def test_a_row_that_is_gone_is_named_though_the_next_took_its_number() -> None:
    assert problems(chained([LOG[0], *LOG[2:4]]), anchored(4)) == [
        "row 3 was moved: it stands at 2 now",
        "row 4 was moved: it stands at 3 now",
        f"row 2 missing: anchored at {WHEN}, and not in the log",
    ]


def test_the_end_that_was_cut_off_is_named_as_that() -> None:
    assert problems(LOG[:5], anchored(4, 7)) == [
        f"rows 6 to 7 cut off the end: anchored at {WHEN}, and not in the log"
    ]
    assert problems(LOG[:6], anchored(7)) == [
        f"row 7 cut off the end: anchored at {WHEN}, and not in the log"
    ]
    assert problems([], anchored(1)) == [f"row 1 cut off the end: anchored at {WHEN}, and not in the log"]


def test_hashes_that_were_computed_again_are_named() -> None:
    first = replace(LOG[0], previous_hash="1" * 64)
    rows = [replace(first, hash=first.own_hash())]
    for row in LOG[1:]:
        row = replace(row, previous_hash=rows[-1].hash)
        rows.append(replace(row, hash=row.own_hash()))
    again = "the hashes up to row {} were computed again: they are not those that were anchored"
    first_anchor, _, last_anchor = anchored(4, 7, 10)
    assert problems(rows, [first_anchor, last_anchor])[-1] == again.format(10)
    assert problems(rows, anchored(4, 7)) == [
        "row 1 does not follow the row before it", again.format(4), again.format(7)
    ]  # fmt: skip


def test_rows_of_which_an_anchor_lacks_the_digests_are_named() -> None:
    assert problems(LOG, [anchor(1, 3, digests=base64.b64encode(LOG[0].content()).decode())]) == [
        f"row {number} was changed after it was anchored at {WHEN}" for number in (2, 3)
    ]
