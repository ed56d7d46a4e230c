"""Anchors one by one: the rows that each covers, their order, and the last of them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clients.audit.anchors import Anchors
from clients.audit.verify import verify_log
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address, aws_client
from sandbox.objectstore import AUDIT_BUCKET
from schemas.security.ids import anchor_key, anchor_prefix
from tests.support.builders.anchors import act, anchors_at

pytestmark = pytest.mark.service


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as opened:
        opened.ensure_tables()
        yield opened


@pytest.fixture
def anchors(s3_address: S3Address) -> Anchors:
    return anchors_at(s3_address)


def append(log: AuditLog, *numbers: int) -> None:
    for number in numbers:
        log.append(act(number))


def test_each_anchor_covers_what_came_after_the_one_before(
    log: AuditLog, anchors: Anchors, caplog: pytest.LogCaptureFixture
) -> None:
    for numbers in ((1, 2, 3, 4), (5,), (6, 7)):
        append(log, *numbers)
        assert (anchors.write(log), anchors.write(log)) == (1, 0)
    found = [each.anchor for each in anchors.read()]
    assert [each and (each.first, each.number) for each in found] == [(1, 4), (5, 5), (6, 7)]
    assert "rows are missing" not in caplog.text


def test_the_last_anchored_row_is_found_near_the_head_and_far_from_it(
    log: AuditLog, anchors: Anchors
) -> None:
    assert anchors.last_number(0) == anchors.last_number(9_999_999) == 0
    append(log, 1, 2, 3)
    anchors.write(log)
    assert [anchors.last_number(head) for head in (2, 3, 4, 900, 9_999_999)] == [3] * 5


def test_an_anchor_of_the_first_row_alone_is_found_a_step_and_a_row_away(
    log: AuditLog, anchors: Anchors
) -> None:
    append(log, 1)
    anchors.write(log)
    assert [anchors.last_number(head) for head in (0, 1, 1_000, 1_001, 1_002)] == [1] * 5


def test_a_key_that_somebody_has_taken_holds_an_anchor_up_until_the_next_row(
    log: AuditLog, anchors: Anchors
) -> None:
    append(log, 1, 2)
    anchors.objects.create(anchor_key(anchors.org, 2), b"no anchor", days=1)
    assert anchors.write(log) == 0
    append(log, 3)
    assert anchors.write(log) == 1
    assert [each.anchor and (each.anchor.first, each.anchor.number) for each in anchors.read()] == [
        None,
        (1, 3),
    ]


def test_an_empty_log_is_not_anchored(log: AuditLog, anchors: Anchors) -> None:
    assert anchors.write(log) == 0
    assert list(anchors.read()) == []


def test_while_another_process_anchors_this_one_leaves_it(
    log: AuditLog, anchors: Anchors, database: str
) -> None:
    append(log, 1)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('tidegate anchors'))")
        assert anchors.write(log) == 0
    assert anchors.write(log) == 1


def test_many_anchors_are_read_in_order_also_those_that_cannot_be_read(anchors: Anchors) -> None:
    keys = [anchor_key(anchors.org, number) for number in range(1, 20)]
    for key in keys:
        anchors.objects.create(key, b"no anchor", days=1)
    found = list(anchors.read())
    assert [each.key for each in found] == keys
    assert {each.anchor for each in found} == {None}
    assert anchors.last_number(30) == 0


def test_a_locked_object_has_one_first_version_and_is_locked(anchors: Anchors) -> None:
    key = anchor_key(anchors.org, 1)
    assert anchors.objects.create(key, b"one", days=1)
    assert not anchors.objects.create(key, b"two", days=1)
    [found] = anchors.objects.versions(key)
    assert (found.key, found.is_overlaid, anchors.objects.get(found)) == (key, False, b"one")
    assert anchors.objects.is_locked(found)


def test_only_what_nobody_may_delete_is_locked(anchors: Anchors, s3_address: S3Address) -> None:
    """Governance mode can be lifted by who has the right to it."""
    s3, key = aws_client("s3", s3_address), anchor_key(anchors.org, 1)
    until = datetime.now(UTC) + timedelta(days=1)
    for lock in ({}, {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}):
        s3.put_object(Bucket=AUDIT_BUCKET, Key=f"{key}.{len(lock)}", Body=b"x", **lock)
    found = list(anchors.objects.versions(key))
    assert [anchors.objects.is_locked(each) for each in found] == [False, False]


def test_the_first_version_of_a_key_counts_and_the_others_are_told(
    anchors: Anchors, s3_address: S3Address
) -> None:
    s3, prefix = aws_client("s3", s3_address), anchor_prefix(anchors.org)
    for name, bodies in (("a", (b"one", b"two", b"three")), ("b", (b"one", b"two"))):
        for body in bodies:
            s3.put_object(Bucket=AUDIT_BUCKET, Key=f"{prefix}{name}", Body=body)
    s3.delete_object(Bucket=AUDIT_BUCKET, Key=f"{prefix}a")
    s3.put_object(Bucket=AUDIT_BUCKET, Key=f"{prefix}c", Body=b"one")
    found = list(anchors.objects.versions(prefix))
    assert [(each.key[-1], each.is_overlaid) for each in found] == [("a", True), ("b", True), ("c", False)]
    assert {anchors.objects.get(each) for each in found} == {b"one"}
    assert anchors.objects.keys_after(prefix, f"{prefix}a") == [f"{prefix}b", f"{prefix}c"]


def test_a_log_that_has_no_anchor_yet_is_verified_as_one_without(log: AuditLog, anchors: Anchors) -> None:
    append(log, 1, 2)
    found = verify_log(log, anchors)
    assert (found.problems, found.acts, found.unproven) == ((), 2, 2)
    assert (found.anchors, found.anchored_to, found.anchored_at) == (0, 0, None)
    alone = verify_log(log, None)
    assert (alone.problems, alone.acts, alone.unproven, alone.anchors) == ((), 2, 2, None)
    anchors.write(log)
    append(log, 3)
    anchored = verify_log(log, anchors)
    assert (anchored.acts, anchored.anchors, anchored.anchored_to) == (3, 1, 2)
    assert anchored.anchored_at is not None
