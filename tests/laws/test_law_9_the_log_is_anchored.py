"""Law 9: the log's head is anchored where the engine cannot rewrite it, so nobody who owns the
database alone can cut it, change it or compute it again unseen.
"""

import base64
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings, strategies as st

from clients.audit.anchors import Anchors
from clients.audit.signing import signed_digest
from clients.audit.verify import verify_log
from clients.database.audit_chain import ChainRow, row_hash
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address, aws_client
from sandbox.objectstore import AUDIT_BUCKET
from schemas.security.ids import anchor_key, anchor_prefix
from tests.support.builders.anchors import act, anchors_at, forge, stored_rows
from tests.support.builders.examples import examples

pytestmark = pytest.mark.service


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as opened:
        opened.ensure_tables()
        yield opened


@pytest.fixture
def anchors(s3_address: S3Address) -> Anchors:
    return anchors_at(s3_address)


@pytest.fixture
def ten(log: AuditLog, anchors: Anchors) -> AuditLog:
    """Ten acts, anchored after four, seven and ten."""
    for number in range(1, 11):
        log.append(act(number))
        if number in (4, 7, 10):
            assert anchors.write(log) == 1
    return log


def tamper(database: str, *statements: str) -> None:
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def problems(log: AuditLog, anchors: Anchors) -> str:
    return "\n".join(verify_log(log, anchors).problems)


def test_an_untouched_log_is_whole(ten: AuditLog, anchors: Anchors) -> None:
    verdict = verify_log(ten, anchors)
    assert (verdict.problems, verdict.acts, verdict.anchors, verdict.anchored_to) == ((), 10, 3, 10)


def test_nothing_new_is_not_anchored_again_and_nothing_is_missing(
    ten: AuditLog, anchors: Anchors, caplog: pytest.LogCaptureFixture
) -> None:
    assert anchors.write(ten) == 0
    assert "rows are missing" not in caplog.text


def test_acts_cut_off_the_end_are_named(ten: AuditLog, anchors: Anchors, database: str) -> None:
    tamper(database, "DELETE FROM audit_log WHERE number > 8")
    assert ten.verify() == []  # the chain by itself is whole
    assert "rows 9 to 10 cut off the end" in problems(ten, anchors)


def test_a_log_that_is_gone_altogether_is_named(ten: AuditLog, anchors: Anchors, database: str) -> None:
    tamper(database, "DELETE FROM audit_log")
    found = problems(ten, anchors)
    assert all(
        rows in found for rows in ("rows 1 to 4 cut off", "rows 5 to 7 cut off", "rows 8 to 10 cut off")
    )


def test_a_chain_computed_again_with_another_name_is_named(
    ten: AuditLog, anchors: Anchors, database: str
) -> None:
    rows = stored_rows(database)
    forge(database, [replace(row, by="eve") if row.number in (2, 9) else row for row in rows])
    assert ten.verify() == []
    found = problems(ten, anchors)
    assert "row 2 was changed after it was anchored" in found
    assert "row 9 was changed after it was anchored" in found
    assert "row 3 was changed" not in found


def test_a_row_taken_out_of_a_chain_computed_again_is_named(
    ten: AuditLog, anchors: Anchors, database: str
) -> None:
    forge(database, [row for row in stored_rows(database) if row.number != 6])
    assert ten.verify() == []
    assert "row 6 missing" in problems(ten, anchors)


def test_rows_in_another_order_are_named(ten: AuditLog, anchors: Anchors, database: str) -> None:
    rows = stored_rows(database)
    rows[4], rows[5] = rows[5], rows[4]
    forge(database, rows)
    found = problems(ten, anchors)
    assert "row 5 was moved: it stands at 6 now" in found
    assert "row 6 was moved: it stands at 5 now" in found


def test_hashes_computed_again_are_named(ten: AuditLog, anchors: Anchors, database: str) -> None:
    rows = stored_rows(database)
    first = replace(rows[0], previous_hash="1" * 64)
    tamper(
        database,
        f"UPDATE audit_log SET previous_hash = '{'1' * 64}', hash = '{row_hash(first)}' WHERE number = 1",
    )
    assert "row 1 does not follow" in problems(ten, anchors)


def test_an_anchor_that_the_key_has_not_signed_counts_for_nothing(
    ten: AuditLog, anchors: Anchors, s3_address: S3Address, database: str
) -> None:
    """Somebody may write into the bucket: an anchor of their own is an object like any other."""
    tamper(database, "DELETE FROM audit_log WHERE number > 7")
    [stored] = [each for each in anchors.read() if each.anchor and each.anchor.number == 10]
    assert stored.anchor is not None
    forged = stored.anchor.model_copy(
        update={"number": 7, "first": 1, "signature": base64.b64encode(b"x").decode()}
    )
    anchors.objects.create(anchor_key(anchors.org, 8), forged.model_dump_json().encode(), days=1)
    found = problems(ten, anchors)
    assert "not signed by the key" in found
    assert "rows 8 to 10 cut off the end" in found
    assert signed_digest(forged) != signed_digest(stored.anchor)


def test_an_anchor_that_was_hidden_still_counts(
    log: AuditLog, s3_with_overlays: S3Address, database: str
) -> None:
    """Another version over a locked one is not refused by S3."""
    anchors, ten = anchors_at(s3_with_overlays), log
    for number in range(1, 11):
        log.append(act(number))
        if number in (4, 7, 10):
            assert anchors.write(log) == 1
    s3 = aws_client("s3", s3_with_overlays)
    for number in (7, 10):
        s3.put_object(Bucket=AUDIT_BUCKET, Key=anchor_key(anchors.org, number), Body=b"nothing")
    tamper(database, "DELETE FROM audit_log WHERE number > 7")
    found = problems(ten, anchors)
    assert "rows 8 to 10 cut off the end" in found
    assert found.count("was overwritten or hidden") == 2


def test_nobody_deletes_a_locked_anchor(ten: AuditLog, anchors: Anchors, s3_address: S3Address) -> None:
    s3 = aws_client("s3", s3_address)
    found = list(anchors.objects.versions(anchor_prefix(anchors.org)))
    assert len(found) == 3
    for each in found:
        assert anchors.objects.is_locked(each)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=AUDIT_BUCKET, Key=each.key, VersionId=each.version)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=AUDIT_BUCKET, Key=each.key, Body=b"another")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=AUDIT_BUCKET, Key=each.key, VersionId=each.version)
        answer = s3.delete_objects(
            Bucket=AUDIT_BUCKET, Delete={"Objects": [{"Key": each.key, "VersionId": each.version}]}
        )
        assert [error["Code"] for error in answer.get("Errors", [])] == ["AccessDenied"]
    assert [each.anchor and each.anchor.number for each in anchors.read()] == [4, 7, 10]


def test_a_truncated_log_is_not_anchored_as_if_nothing_had_been(
    ten: AuditLog, anchors: Anchors, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    tamper(database, "DELETE FROM audit_log WHERE number > 8")
    assert anchors.write(ten) == 0
    assert "rows are missing" in caplog.text


def test_fields_that_end_and_begin_alike_have_different_hashes() -> None:
    """Version 1 joined fields by a separator, which a field could hold."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = ChainRow(1, 2, at, "a", "b\x1fc", "d", "e", "", "0" * 64, "")
    other = ChainRow(1, 2, at, "a", "b", "c\x1fd", "e", "", "0" * 64, "")
    assert row_hash(one) != row_hash(other)
    assert row_hash(replace(one, version=1, target="d\x1fe", detail="f")) == row_hash(
        replace(one, version=1, target="d", detail="e\x1ff")
    )


def test_rows_of_older_releases_still_verify(log: AuditLog, anchors: Anchors, database: str) -> None:
    """Their fields were joined otherwise; the version is the row's own."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    old = ChainRow(1, 1, at, "lane.pause", "ada", "lane/o/c", "why", "", "0" * 64, "")
    tamper(
        database,
        "INSERT INTO audit_log (number, at, act, by, target, detail, previous_hash, hash) VALUES "
        f"(1, '{at.isoformat()}', 'lane.pause', 'ada', 'lane/o/c', 'why', '{'0' * 64}', '{row_hash(old)}')",
    )
    log.append(act(2))
    assert anchors.write(log) == 1
    assert verify_log(log, anchors).problems == ()
    tamper(database, "UPDATE audit_log SET by = 'eve' WHERE number = 1")
    assert "row 1 was changed after it was anchored" in problems(log, anchors)


ATTACKS = ("delete", "edit", "swap", "truncate", "forge names", "forge without", "forge order", "renumber")


@pytest.mark.parametrize("attack", ATTACKS)
@settings(max_examples=examples(2), deadline=None, suppress_health_check=list(HealthCheck))
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5), data=st.data())
def test_every_tampering_is_found_and_names_its_rows(
    sizes: list[int], attack: str, data: st.DataObject, database: str, s3_address: S3Address
) -> None:
    anchors = anchors_at(s3_address)
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        tamper(database, "DELETE FROM audit_log")
        for size in sizes:
            for _ in range(size):
                log.append(act(log.head()[0] + 1))
            anchors.write(log)
        for _ in range(data.draw(st.integers(0, 3), "new since the last anchor")):
            log.append(act(log.head()[0] + 1))
        assert verify_log(log, anchors).problems == ()
        number = data.draw(st.integers(1, sum(sizes)), "row")
        named = _attack(attack, database, number, sum(sizes))
        found = "\n".join(verify_log(log, anchors).problems)
    assert any(name in found for name in named), (attack, number, found)


def _attack(attack: str, database: str, number: int, last: int) -> list[str]:
    """Do it; returns what the verdict must hold, at least one of them."""
    rows = stored_rows(database)
    here = [f"row {number} missing", f"row {number} was changed", f"row {number} cut off"]
    others = [row for row in rows if row.number != number]
    other = number % last + 1
    if attack == "delete":
        tamper(database, f"DELETE FROM audit_log WHERE number = {number}")
        return [f"row {number} is missing", *here]
    if attack == "edit":
        tamper(database, f"UPDATE audit_log SET detail = 'nothing' WHERE number = {number}")
        return [f"row {number} was changed"]
    if attack == "truncate":
        tamper(database, f"DELETE FROM audit_log WHERE number >= {number}")
        return [f"row {number} cut off", f"rows {number} to"]
    if attack == "forge names":
        forge(database, [replace(row, by="eve") if row.number == number else row for row in rows])
        return [f"row {number} was changed"]
    if attack == "forge without":
        forge(database, others)
        return [*here, f"rows {number} to", "missing", "cut off"]
    if attack == "renumber":
        tamper(
            database,
            f"DELETE FROM audit_log WHERE number = {number}",
            # By way of numbers that nobody has: PostgreSQL checks the key row by row, in any order.
            f"UPDATE audit_log SET number = number + 9999 WHERE number > {number}",
            "UPDATE audit_log SET number = number - 10000 WHERE number > 9999",
        )
        return [*here, "does not follow", "cut off"]
    swapped = list(rows)
    swapped[number - 1], swapped[other - 1] = swapped[other - 1], swapped[number - 1]
    if number == other:
        swapped[0] = replace(swapped[0], detail="nothing")
        forge(database, swapped)
        return ["row 1 was changed"]
    if attack == "swap":
        tamper(
            database,
            f"UPDATE audit_log SET number = 9999 WHERE number = {number}",
            f"UPDATE audit_log SET number = {number} WHERE number = {other}",
            f"UPDATE audit_log SET number = {other} WHERE number = 9999",
        )
        return [f"row {number} was moved", f"row {number} was changed", f"row {other} was changed"]
    forge(database, swapped)
    return [f"row {number} was moved", f"row {number} was changed", f"row {other} was changed"]


def test_acts_are_appended_at_once_by_several_anchoring_processes(
    log: AuditLog, anchors: Anchors, database: str
) -> None:
    with closing(AuditLog(database)) as other:
        for number in range(1, 6):
            (log if number % 2 else other).append(act(number))
            anchors.write(other if number % 2 else log)
    assert verify_log(log, anchors).problems == ()
