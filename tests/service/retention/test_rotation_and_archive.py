"""A rotation of data keys while months are archived: they still leave the warehouse, and a record
that is folded from the archive has the tables' key.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import REFOLD, base_table, change_table
from schemas.catalogue import Catalogue
from schemas.errors import TerminalError
from schemas.security.retention import MonthState, Work
from tests.service.keys.test_key_rotation import TABLES, Rotating, equal_emails, record
from tests.support.builders.retention import retention, run_at, within
from tests.support.builders.things import CATALOGUE, SPEC
from transforms.retention.periods import Month

pytestmark = pytest.mark.service
NOW = Month.of(datetime.now(UTC))
SEALED, LEFT = within(NOW.plus(1)), within(NOW.plus(15))
STEPS = (Work.ARCHIVE, Work.VERIFY, Work.DROP)


@pytest.fixture
def rotating(
    store: ObjectStore, s3_address: S3Address, warehouse: PostgresWarehouse, database: str
) -> Iterator[Rotating]:
    warehouse.ensure_tables(CATALOGUE)
    made = Rotating(store, s3_address, warehouse, database)
    yield made
    made.register.close()


@pytest.fixture
def kept(rotating: Rotating, s3_address: S3Address, database: str) -> Iterator[RetentionParts]:
    made = retention(s3_address, database, rotating.warehouse, Catalogue(objects=CATALOGUE.objects))
    policy = made.policy.model_copy(update={"warehouse_months": 13})
    yield replace(made, policy=policy, stored=(), protector=rotating.protector)
    made.close()


async def archived_and_rotated(rotating: Rotating, kept: RetentionParts, s3: S3Address) -> None:
    """A month that was archived under the first key, and is under the second one in the table."""
    await rotating.send(rotating.process(s3), 1, 2)
    run_at(kept, SEALED, *STEPS)
    await rotating.rotate()
    await rotating.switch()
    await rotating.follow_up()
    assert rotating.keys_of(TABLES[2]) == {"2"}


def states(kept: RetentionParts) -> set[str]:
    return {
        row.state for row in archived_months(kept.warehouse) if row.source == change_table(SPEC) and row.rows
    }


async def test_a_month_that_was_archived_under_the_former_key_leaves(
    rotating: Rotating, kept: RetentionParts, s3_address: S3Address
) -> None:
    await archived_and_rotated(rotating, kept, s3_address)
    run_at(kept, LEFT, *STEPS)
    assert states(kept) == {MonthState.DROPPED}
    assert rotating.tokens(TABLES[2], "email") == {}
    assert rotating.altered() == []
    equal_emails(rotating)


async def test_a_value_that_differs_is_still_found_behind_its_token(
    rotating: Rotating, kept: RetentionParts, s3_address: S3Address, database: str
) -> None:
    await archived_and_rotated(rotating, kept, s3_address)
    other = rotating.protector.encrypt(f"{SPEC.name}.Email__c", "eve@example.org")
    with psycopg.connect(database) as connection:
        query = f"UPDATE {change_table(SPEC)} SET email = %s WHERE record_id = %s"
        connection.execute(query.encode(), [other, record(1)])
    with pytest.raises(TerminalError, match="Nothing was dropped"):
        run_at(kept, LEFT, *STEPS)


async def test_a_record_that_is_folded_from_the_archive_has_the_tables_key(
    rotating: Rotating, kept: RetentionParts, s3_address: S3Address, database: str
) -> None:
    await archived_and_rotated(rotating, kept, s3_address)
    run_at(kept, LEFT, *STEPS)
    assert rotating.tokens(base_table(SPEC), "email").keys() == {record(1), record(2)}
    with psycopg.connect(database) as connection:
        query = f"INSERT INTO {REFOLD} (object, record_id, asked_at) VALUES (%s, %s, now())"
        connection.execute(query.encode(), [SPEC.name, record(1)])
    (done,) = run_at(kept, LEFT, Work.REFOLD)
    assert done.rows == 1
    assert rotating.keys_of(TABLES[0]) == rotating.keys_of(TABLES[1]) == {"2"}
    equal_emails(rotating)
    assert rotating.altered() == []
