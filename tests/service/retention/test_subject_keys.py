"""The keys of archived people: made once, wrapped, and gone for good when they are destroyed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
import sqlalchemy as sa

from clients.database.engine import open_engine
from clients.retention.subject_keys import SubjectKeys
from clients.storage.objects import S3Address
from schemas.errors import SettingsError
from transforms.retention.seal import is_sealed, open_table, seal_table

ORG = "00D000000000001EAA"
ADA, BOB = "003Tg0000000001AAA", "003Tg0000000002AAA"


@pytest.fixture
def keys(database: str, s3_address: S3Address) -> Iterator[SubjectKeys]:
    opened = SubjectKeys(database, ORG, s3_address)
    yield opened
    opened.close()


def test_a_subject_has_one_key_whoever_asks_first(
    keys: SubjectKeys, database: str, s3_address: S3Address
) -> None:
    subjects = [f"003Tg000000{number:04d}AAA" for number in range(200)]
    other = SubjectKeys(database, ORG, s3_address)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(each.get_or_create, subjects) for each in (keys, other) * 4]
        found = [each.result() for each in asked]
    other.close()
    assert all(each == found[0] for each in found)
    assert len({key.key for key in found[0].values()}) == len(subjects)


def test_a_destroyed_key_cannot_be_read_and_the_others_can(keys: SubjectKeys) -> None:
    made = keys.get_or_create([ADA, BOB])
    assert keys.destroy([ADA]) == 1
    assert keys.read([ADA, BOB]) == {(BOB, 1): made[BOB].key}
    assert keys.destroyed([ADA, BOB]) == {ADA}
    assert keys.destroy([ADA]) == 0


def test_a_subject_that_is_archived_after_its_erasure_gets_another_key(keys: SubjectKeys) -> None:
    first = keys.get_or_create([ADA])[ADA]
    keys.destroy([ADA])
    second = keys.get_or_create([ADA])[ADA]
    assert (second.generation, second.key == first.key) == (2, False)
    assert keys.read([ADA]) == {(ADA, 2): second.key}


def test_no_key_is_in_clear_in_the_store(keys: SubjectKeys, database: str) -> None:
    made = keys.get_or_create([ADA])[ADA]
    engine = open_engine(database)
    with engine.connect() as connection:
        wrapped = connection.execute(sa.text("SELECT wrapped FROM subject_key")).scalar_one()
        outer = connection.execute(sa.text("SELECT wrapped FROM subject_wrapping_key")).scalar_one()
    engine.dispose()
    assert made.key not in bytes(wrapped) + bytes(outer)


def test_a_lost_wrapping_key_is_never_replaced_silently(
    keys: SubjectKeys, database: str, s3_address: S3Address
) -> None:
    keys.get_or_create([ADA])
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM subject_wrapping_key"))
    engine.dispose()
    later = SubjectKeys(database, ORG, s3_address)
    with pytest.raises(SettingsError, match="Restore both tables"):
        later.get_or_create([BOB])
    later.close()


def test_an_archived_value_is_unreadable_once_its_subjects_key_is_destroyed(keys: SubjectKeys) -> None:
    rows = pa.table(
        {
            "record_id": pa.array([ADA, BOB], pa.large_string()),
            "last_name": pa.array(["tg1.1.QQ==", "tg1.1.Qg=="], pa.large_string()),
            "status": pa.array(["new", None], pa.large_string()),
            "note": pa.array(["tg1x.1.Qw==", "clear"], pa.large_string()),
        }
    )
    made = keys.get_or_create([ADA, BOB])
    sealed = seal_table(
        rows, subjects="record_id", protected=["last_name"], keys=made, context="audit.contact_change"
    )
    assert [is_sealed(value) for value in sealed["last_name"].to_pylist()] == [True, True]
    assert sealed["status"] == rows["status"]
    assert [is_sealed(value) for value in sealed["note"].to_pylist()] == [True, False]

    opened, gone = open_table(
        sealed, subjects="record_id", keys=keys.read([ADA, BOB]), context="audit.contact_change"
    )
    assert (opened, gone) == (rows, set())

    keys.destroy([ADA])
    opened, gone = open_table(
        sealed, subjects="record_id", keys=keys.read([ADA, BOB]), context="audit.contact_change"
    )
    assert gone == {ADA}
    assert opened["last_name"].to_pylist() == [None, "tg1.1.Qg=="]
    assert opened["note"].to_pylist() == [None, "clear"]
