"""`as_of` and `known_at` against a list of changes in Python: any changes, in any order, in any
batches, asked about at any pair of times.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.records.reader import RecordRow
from clients.warehouse.records.sessions import ReadSessions
from clients.warehouse.records.times import Archived, RecordTimes
from clients.warehouse.sql import apply as sql
from clients.warehouse.sql.ledger import find_last_commit
from schemas.catalogue import Catalogue, ObjectSpec
from tests.support.builders.oracle import OracleVersion, fold_events
from tests.support.engines.applied_records import BASE_MS, AppliedRecords, changed, record_id

pytestmark = [pytest.mark.service, pytest.mark.slow]
FIELDS = {"A__c": {"type": "string"}, "B__c": {"type": "int"}}
CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            name: {"label": name, "key_prefix": prefix, "history": history, "fields": FIELDS}
            for name, prefix, history in (("Kept__c", "a0x", True), ("Latest__c", "a0y", False))
        }
    }
)
RECORDS = [record_id("a0x", number) for number in range(2)]
SECONDS = 6
KINDS = ["CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE"]


class Known(NamedTuple):
    """A batch's events, and the time at which the warehouse had them."""

    at: datetime
    events: Sequence[dict[str, Any]]


@st.composite
def batches(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Batches in the order in which they come; a change may be late, or delivered twice."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(KINDS))
        body = {} if kind == "DELETE" else draw(st.fixed_dictionaries({}, optional=VALUES))
        event = changed(
            "Kept__c", draw(st.sampled_from(RECORDS)), draw(st.integers(0, SECONDS)), kind, **body
        )
        event["ChangeEventHeader"] |= {"commitNumber": 1_000 + number}
        made.append(event)
    again = draw(st.lists(st.sampled_from(made), max_size=2))
    ordered = draw(st.permutations(made + again))
    cuts = sorted(draw(st.sets(st.integers(1, len(ordered)), max_size=3)) | {len(ordered)})
    return [ordered[a:b] for a, b in zip([0, *cuts], cuts, strict=False) if a < b]


VALUES = {"A__c": st.sampled_from("xyz"), "B__c": st.integers(0, 3)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=batches(), history=st.booleans())
def test_any_record_is_what_the_changes_known_then_made_of_it(
    warehouse: PostgresWarehouse, store: ObjectStore, database: str, delivered, history: bool
) -> None:
    spec = CATALOGUE.object("Kept__c" if history else "Latest__c")
    known = applied(warehouse, store, spec, delivered)
    asyncio.run(check(database, spec, known))


def applied(
    warehouse: PostgresWarehouse, store: ObjectStore, spec: ObjectSpec, delivered: list[list[dict[str, Any]]]
) -> list[Known]:
    warehouse.ensure_tables(CATALOGUE)
    with warehouse.transaction() as transaction:
        for table in sql.tables_of(spec):
            transaction.execute(f"DELETE FROM {table}")
    writer, known = AppliedRecords(warehouse, store, CATALOGUE), []
    for batch in delivered:
        for event in batch:
            event["ChangeEventHeader"]["entityName"] = spec.name
        writer.apply(*batch)
        with warehouse.transaction() as transaction:
            [(_, at)] = transaction.fetch(find_last_commit(), [spec.name])
        known.append(Known(at, batch))
    return known


async def check(database: str, spec: ObjectSpec, known: list[Known]) -> None:
    sessions = ReadSessions(database)
    times = RecordTimes(sessions)
    moments: list[datetime | None] = [None, known[0].at - timedelta(milliseconds=1)]
    for known_at in [*moments, *dict.fromkeys(each.at for each in known)]:
        there = [event for each in known if known_at is None or each.at <= known_at for event in each.events]
        folded = fold_events(there)
        for record in RECORDS:
            for second in range(-1, SECONDS + 2):
                as_of = datetime.fromtimestamp(BASE_MS / 1_000 + second, UTC)
                _, row = await times.record_at(spec, record, as_of=as_of, known_at=known_at)
                assert not isinstance(row, Archived)
                assert shown(row) == expected(folded.get(record, []), BASE_MS + 1_000 * second)
    await sessions.close()


def shown(row: RecordRow | None) -> Any:
    return None if row is None else (*row.values, row.is_deleted, row.is_complete, row.version)


def expected(versions: list[OracleVersion], as_of_ms: int) -> Any:
    valid = [(n, each) for n, each in enumerate(versions, 1) if each.valid_from <= as_of_ms]
    if not valid:
        return None
    number, last = valid[-1]
    return (*(last.values.get(name) for name in FIELDS), last.is_deleted, last.is_complete, number)
