"""Law 9 for writebacks: an attempt that was altered, removed, added or moved is found."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clients.writeback.attempts.verify import broken_seals
from clients.writeback.batch_former import BatchFormer
from clients.writeback.batches import WritebackBatches
from clients.writeback.intake import WritebackIntake
from clients.writeback.store import WritebackStore
from schemas.writeback.messages import FormInput, WritebackState
from tests.support.builders.writebacks import asked, checks
from transforms.writeback.batching import BatchingConfig
from transforms.writeback.facts import Outcome

pytestmark = pytest.mark.service

DONE = Outcome(WritebackState.DONE, record_id="500000000000001AAA", created=True)


@pytest.fixture
def sealed(database: str) -> str:
    """A store with two closed batches, of two attempts and of one, and an open one with an attempt;
    its connection string.
    """
    intake, store = WritebackIntake(database, checks), WritebackStore(database)
    forming, batches = BatchFormer(store, BatchingConfig(linger=timedelta(0))), WritebackBatches(store)
    for names, is_last in ((("C-1", "C-2"), False), (("C-3",), False), (("C-4", "C-5"), True)):
        intake.submit("tests", [asked(external_id=name, key=name) for name in names])
        (formed,) = forming.form(FormInput(org="o", object="Case", most_open=1)).batches
        assert batches.begin_sending(formed.batch, sent_at=datetime.now(UTC), before={}, settled={})
        _, rows = batches.load(formed.batch)
        outcomes = {row.record: DONE for row in rows}
        if is_last:
            batches.settle(formed.batch, dict(list(outcomes.items())[:1]), calls=1)
        else:
            batches.close(formed.batch, outcomes, calls=1)
    intake.close()
    store.close()
    return database


def tamper(database: str, *statements: str) -> None:
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_what_was_not_touched_is_as_it_was_sealed(sealed: str) -> None:
    assert broken_seals(sealed) == []


@pytest.mark.parametrize(
    "change",
    [
        'sent = \'{"Subject": "another"}\'',
        'before = \'{"Subject": "another"}\'',
        "caller = 'eve'",
        "outcome = 'dead'",
        "reason = 'none'",
        "words = 'others'",
        "record_id = NULL",
        "looked_up = true",
        "sent_at = sent_at + interval '1 second'",
        "known_at = known_at + interval '1 second'",
        "attempt = 7",
        "number = 70",
    ],
)
def test_an_altered_attempt_is_found(sealed: str, change: str) -> None:
    tamper(sealed, f"UPDATE writeback_attempt SET {change} WHERE number = 1")
    assert [each for each in broken_seals(sealed) if "batch 1.0" in each] == broken_seals(sealed) != []


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["DELETE FROM writeback_attempt WHERE number = 2"], ["attempts of batch 1.0 are not"]),
        (["DELETE FROM writeback_attempt WHERE number = 3"], ["attempts of batch 3.0 are not"]),
        (
            ["UPDATE writeback_attempt SET batch = '3.0' WHERE number = 2"],
            ["attempts of batch 1.0 are not", "attempts of batch 3.0 are not"],
        ),
        (
            [
                "UPDATE writeback_attempt SET number = 99 WHERE number = 1",
                "UPDATE writeback_attempt SET number = 1 WHERE number = 2",
                "UPDATE writeback_attempt SET number = 2 WHERE number = 99",
                "UPDATE writeback_attempt SET known_at = now() WHERE number = 1",
            ],
            ["attempts of batch 1.0 are not"],
        ),
        (
            ["DELETE FROM writeback_batch WHERE batch = '3.0'"],
            ["3.0 has attempts, and is not", "3.0 was sealed, and"],
        ),
        (
            ["UPDATE writeback_batch SET state = 'sent' WHERE batch = '3.0'"],
            ["Case/3.0 was sealed, and is not"],
        ),
        (["UPDATE writeback_batch SET state = 'closed' WHERE batch = '4.0'"], ["4.0 is closed, and no act"]),
        (["DELETE FROM audit_log WHERE number = 2"], ["3.0 is closed, and no act"]),
    ],
)
def test_a_missing_added_or_moved_row_is_found(sealed: str, statements: list[str], words: list[str]) -> None:
    tamper(sealed, *statements)
    found = broken_seals(sealed)
    assert len(found) == len(words)
    assert all(any(each in problem for problem in found) for each in words)
