"""Law 12 beside law 9: the seals of attempts hold when values were erased, and an attempt that was
emptied by hand is no erasure.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from temporalio.testing import ActivityEnvironment

from activities.erasure.archive import EraseArchive
from activities.erasure.scope import Scope, ScopeErasure
from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.storage.objects import S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.writeback.attempts import seal as audit_seal
from clients.writeback.attempts.verify import broken_seals
from clients.writeback.batch_former import BatchFormer
from clients.writeback.batch_queries import FoundRecord
from clients.writeback.batches import WritebackBatches
from clients.writeback.erasure import ErasedKeys, erase_writebacks
from clients.writeback.intake import WritebackIntake
from clients.writeback.retry_discard import Unsent
from clients.writeback.store import WritebackStore
from clients.writeback.undo import Undoing
from schemas.catalogue import default_catalogue
from schemas.errors import ActRefusedError, UnavailableError
from schemas.security.erasure import ErasedPlaces, ErasureStep, StoreCount
from schemas.security.ids import erasure_scope_key
from schemas.security.retention import Work
from schemas.writeback.control import WritebackChoice
from schemas.writeback.messages import FormInput, WritebackState
from tests.support.builders.bus import protector
from tests.support.builders.retention import retention, run_at, within
from tests.support.builders.writebacks import asked, checks
from transforms.retention.periods import Month
from transforms.retention.seal import is_sealed
from transforms.writeback.batching import BatchingConfig
from transforms.writeback.facts import Outcome

pytestmark = pytest.mark.service

RECORD = "500000000000001AAA"
SECRET = "Zq7Secret"
WORDS = f"{SECRET} is no subject"
"""Salesforce's own."""
DONE = Outcome(WritebackState.DONE, record_id=RECORD, created=True, words=WORDS)
MINE = ErasedKeys([RECORD], ["Case.ExternalId__c=c-1"])


@pytest.fixture
def sealed(database: str) -> str:
    """A store with a closed batch of two records, and a writeback of the first that waits."""
    with closing(WritebackIntake(database, checks)) as intake, closing(WritebackStore(database)) as store:
        batches = WritebackBatches(store, lambda words: words)
        _submit(intake, ("C-1", "C-2"))
        (formed,) = _former(store).form(FormInput(org="o", object="Case", most_open=1)).batches
        before = {
            "Case.ExternalId__c=c-1": FoundRecord(RECORD, datetime.now(UTC), {"Subject": f"{SECRET} before"})
        }
        assert batches.begin_sending(formed.batch, sent_at=datetime.now(UTC), before=before, settled={})
        _, rows = batches.load(formed.batch)
        outcomes = {row.record: DONE if row.external_id == "C-1" else _other() for row in rows}
        batches.close(formed.batch, outcomes, calls=1)
        _submit(intake, ("C-1",), key="later")
    return database


def _former(store: WritebackStore) -> BatchFormer:
    return BatchFormer(store, BatchingConfig(linger=timedelta(0)))


def _other() -> Outcome:
    return Outcome(WritebackState.DONE, record_id="500000000000002AAA", created=True, words=WORDS)


def _submit(intake: WritebackIntake, external_ids: Sequence[str], key: str = "first") -> None:
    items = [
        asked(external_id=each, key=f"{key} {each}", fields={"Subject": f"{SECRET} {each}"})
        for each in external_ids
    ]
    assert not intake.submit("tests", items).refused


def erase(database: str, name: str = "ids-1", *, is_dry: bool = False) -> dict[str, StoreCount]:
    with closing(WritebackStore(database)) as store:
        found = erase_writebacks(store, MINE, erasure=name, is_dry=is_dry)
    return {each.store: each for each in found}


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def tamper(database: str, *statements: str) -> None:
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_the_seals_hold_after_an_erasure(sealed: str) -> None:
    assert broken_seals(sealed) == []
    erase(sealed)
    assert broken_seals(sealed) == []


def test_values_are_gone_and_the_others_are_not(sealed: str) -> None:
    erase(sealed)
    kept = rows(sealed, "SELECT t::text FROM writeback AS t ORDER BY number")
    tried = rows(sealed, "SELECT t::text FROM writeback_attempt AS t ORDER BY number")
    assert [SECRET in text for (text,) in kept] == [False, True, False]
    assert [SECRET in text for (text,) in tried] == [False, True]
    assert [("C-1" in text.replace("first C-1", "").replace("later C-1", "")) for (text,) in kept][::2] == [
        False,
        False,
    ]


def test_salesforces_words_about_an_attempt_go_with_its_values(sealed: str) -> None:
    query = "SELECT words FROM writeback_attempt UNION ALL SELECT words FROM writeback"
    assert [row[0] for row in rows(sealed, query)].count(WORDS) == 4
    erase(sealed)
    assert [row[0] for row in rows(sealed, query)].count(WORDS) == 2
    assert broken_seals(sealed) == []


def test_it_counts_what_it_takes_and_finds_nothing_the_second_time(sealed: str) -> None:
    dry = erase(sealed, is_dry=True)
    assert dry == erase(sealed)
    assert (dry["writebacks"].rewritten, dry["writeback attempts"].rewritten) == (2, 1)
    again = erase(sealed)
    assert [each.rewritten for each in again.values()] == [0, 0, 0]
    # Its key is gone with its external id: by its record's id it is still found.
    assert again["writebacks"].places == 1


def test_an_attempt_at_another_record_that_named_the_erased_one_goes_too(sealed: str) -> None:
    """By its external id, as a parent."""
    parent = {"Parent": {"ExternalId__c": "C-1"}}
    with closing(WritebackIntake(sealed, checks)) as intake, closing(WritebackStore(sealed)) as store:
        items = [asked(external_id="C-3", key="child", fields={"Subject": "third", **parent})]
        assert not intake.submit("tests", items).refused
        tamper(sealed, "DELETE FROM writeback WHERE key = 'later C-1'")
        batches = WritebackBatches(store)
        (formed,) = _former(store).form(FormInput(org="o", object="Case", most_open=1)).batches
        assert batches.begin_sending(formed.batch, sent_at=datetime.now(UTC), before={}, settled={})
        batches.close(formed.batch, {"Case.ExternalId__c=c-3": _other()}, calls=1)
    query = "SELECT sent::text FROM writeback_attempt WHERE number = 4"
    assert "C-1" in rows(sealed, query)[0][0]
    assert erase(sealed)["writeback attempts"].rewritten == 2
    assert "C-1" not in rows(sealed, query)[0][0]
    assert "C-1" not in rows(sealed, "SELECT fields::text FROM writeback WHERE key = 'child'")[0][0]
    assert broken_seals(sealed) == []


def test_what_waited_is_let_go_and_neither_tried_again_nor_undone(sealed: str) -> None:
    erase(sealed)
    assert rows(sealed, "SELECT state, code FROM writeback WHERE key = 'later C-1'") == [
        ("discarded", "erased")
    ]
    with closing(WritebackStore(sealed)) as store:
        choice = WritebackChoice(numbers=(1, 3))
        assert Unsent(store).retry(choice, by="ada", reason="").numbers == ()
        undone = Undoing(store, default_catalogue()).undo(choice, by="ada", reason="")
    assert undone.undone == ()


def test_one_that_is_on_its_way_is_waited_for(sealed: str) -> None:
    tamper(sealed, "UPDATE writeback SET state = 'open' WHERE key = 'later C-1'")
    with pytest.raises(UnavailableError, match="1 writebacks of the records are on their way"):
        erase(sealed)
    assert rows(sealed, "SELECT count(*) FROM writeback WHERE erased_by IS NOT NULL") == [(0,)]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE writeback_attempt SET sent = '{}', before = NULL, reason = NULL, salt = NULL WHERE number = 2",
            "attempt 1 of writeback 2 in batch 1.0 has other values",
        ),
        (
            "UPDATE writeback_attempt SET words = NULL WHERE number = 2",
            "attempt 1 of writeback 2 in batch 1.0 has other values",
        ),
        (
            "UPDATE writeback_attempt SET sent = '{}', salt = NULL, erased_by = 'ids-1' WHERE number = 2",
            "2 attempts say that erasure ids-1 took their values",
        ),
        (
            "UPDATE writeback_attempt SET sent = '{}', salt = NULL, erased_by = 'ids-2' WHERE number = 2",
            "1 attempts say that erasure ids-2 took their values",
        ),
        (
            "UPDATE writeback_attempt SET values_digest = repeat('0', 64) WHERE number = 1",
            "attempts of batch 1.0 are not",
        ),
    ],
)
def test_an_attempt_that_was_emptied_by_hand_is_found(sealed: str, statement: str, words: str) -> None:
    erase(sealed)
    tamper(sealed, statement)
    assert any(words in each for each in broken_seals(sealed))


@pytest.fixture
def sealed_before(sealed: str) -> str:
    """As an older release left it: the seal is over values, and no attempt has a digest."""
    tamper(sealed, "UPDATE writeback_attempt SET salt = NULL, values_digest = NULL")
    with closing(WritebackStore(sealed)) as store, store.begin() as connection:
        digest = audit_seal.attempts_digest(audit_seal.attempts_of(connection, "1.0"))
    tamper(
        sealed,
        f"UPDATE audit_log SET detail = 'done 2; attempts {digest}' WHERE act = '{audit_seal.ACT}'",
    )
    assert broken_seals(sealed) == []
    return sealed


def test_a_batch_of_before_is_sealed_anew_by_its_first_erasure(sealed_before: str) -> None:
    erase(sealed_before)
    assert broken_seals(sealed_before) == []
    acts = rows(sealed_before, "SELECT act FROM audit_log ORDER BY number")
    assert acts == [(audit_seal.ACT,), (audit_seal.RESEALED,), ("erasure.attempts",)]
    tamper(sealed_before, "UPDATE writeback_attempt SET outcome = 'dead' WHERE number = 2")
    assert broken_seals(sealed_before) != []


def test_a_batch_of_before_whose_seal_is_broken_is_not_sealed_anew(sealed_before: str) -> None:
    """An erasure would else make good what somebody has altered."""
    tamper(sealed_before, "UPDATE writeback_attempt SET outcome = 'dead' WHERE number = 2")
    with pytest.raises(ActRefusedError, match="are not those that were sealed"):
        erase(sealed_before)


@pytest.fixture
def kept(sealed: str, s3_address: S3Address, warehouse: PostgresWarehouse) -> Iterator[RetentionParts]:
    """The attempts are archived; of one of the person's nobody knew the record."""
    tamper(sealed, "UPDATE writeback_attempt SET record_id = NULL WHERE number = 1")
    tamper(sealed, "UPDATE writeback SET record_id = NULL WHERE number = 1")
    warehouse.ensure_tables(default_catalogue())
    made = retention(s3_address, sealed, warehouse, default_catalogue())
    run_at(made, within(Month.of(datetime.now(UTC)).plus(1)), Work.ARCHIVE, Work.VERIFY)
    yield made
    made.close()


def attempts_in_archive(kept: RetentionParts, *, sealed: bool) -> dict[int, dict[str, Any]]:
    """Number -> the attempt as it lies in the archive, or opened."""
    found: dict[int, dict[str, Any]] = {}
    for month in archived_months(kept.warehouse):
        manifest, files = month.read_files(kept.archive)
        if manifest is None or month.source != "store.writeback_attempt":
            continue
        for file in files:
            rows = kept.archive.read(file) if sealed else kept.archive.open(manifest, file).rows
            found |= {row["number"]: row for row in rows.to_pylist()}
    return found


async def test_nothing_of_an_erased_persons_attempts_can_be_read_in_the_archive(
    kept: RetentionParts, sealed: str
) -> None:
    lying = attempts_in_archive(kept, sealed=True)
    assert SECRET not in str(lying)
    assert all(is_sealed(row[name]) for row in lying.values() for name in ("sent", "words", "salt"))
    opened = attempts_in_archive(kept, sealed=False)
    assert [opened[number]["words"] for number in (1, 2)] == [WORDS, WORDS]
    found = await erase_archived(kept, sealed)
    assert found.stores[0].rewritten == 1
    opened = attempts_in_archive(kept, sealed=False)
    assert SECRET not in str(opened[1])
    assert opened[1]["salt"] is None
    assert opened[2]["words"] == WORDS


async def erase_archived(kept: RetentionParts, sealed: str) -> ErasedPlaces:
    """The erasure's steps over writebacks and the archive."""
    erase(sealed)
    scope = Scope({"Case": (RECORD,)}, tuple(MINE.keys), None)
    scoping = ScopeErasure(kept.warehouse, kept.store, kept.catalogue, protector())
    kept.store.put(erasure_scope_key(kept.org, "ids-1"), scoping._written(scope))
    with closing(WritebackStore(sealed)) as store:
        step = EraseArchive(kept.archive.keys, store, kept.store, protector())
        request = ErasureStep(org=kept.org, key="ids-1")
        made: ErasedPlaces = await ActivityEnvironment().run(step.erase_archive, request)
    return made
