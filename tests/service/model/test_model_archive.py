"""The model after months have left the change log: their events stay, whatever is built."""

from collections.abc import Iterator

import pytest
import time_machine

from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.security.retention import Work
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.builders.retention import run_at, within
from tests.support.engines.keeping import LATER, START, committed, new_road, send, thirteen_months
from tests.support.engines.modelling import CompiledModel
from transforms.retention.periods import Month

pytestmark = [pytest.mark.service, pytest.mark.model]
CASE, OTHER = "500000000000001AAA", "500000000000002AAA"
STEPS = (Work.ARCHIVE, Work.VERIFY, Work.DROP)


@pytest.fixture
def road(model: CompiledModel, s3_address: S3Address) -> Iterator[Road]:
    model.empty()
    warehouse = PostgresWarehouse(model.dsn)
    yield new_road(ObjectStore(s3_address), warehouse)
    warehouse.close()


async def status(road: Road, month: Month, number: int, word: str, *, record: str = CASE) -> None:
    """A case takes a status in the month; the first one is its creation."""
    is_new = word == "New"
    fields = {"CaseNumber": "1", "Status": word, **stamps()} if is_new else {"Status": word}
    kind = "CREATE" if is_new else "UPDATE"
    made = event(number, fields, object_name="Case", change_type=kind, record_ids=[record])
    await send(road, month, [committed(made, month, number)])


def build(model: CompiledModel, month: Month, *, full: bool = False) -> None:
    with time_machine.travel(within(month), tick=False):
        model.build(full=full)


def events(model: CompiledModel) -> list[tuple[str, str, str, int]]:
    query = "select record_id, status, kind, event_number from model.fact_case_event order by record_id, event_number"
    return [(record, *rest) for record, *rest in model.rows(query)]


def leave_the_log(road: Road, model: CompiledModel, s3: S3Address, operational: str) -> None:
    """The first months are archived, and their changes go."""
    with thirteen_months(road, s3, operational) as kept:
        run_at(kept, within(LATER), *STEPS)
    ((left,),) = model.rows("select count(*) from audit.case_change")
    assert left == 0


async def test_events_of_months_that_left_the_log_stay_whether_a_build_goes_on_or_begins_from_nothing(
    model: CompiledModel, road: Road, s3_address: S3Address, database: str
) -> None:
    for number, word in enumerate(("New", "In Review"), 1):
        await status(road, START, number, word)
    await status(road, START, 3, "New", record=OTHER)
    await status(road, START.plus(1), 4, "Decided")
    build(model, START.plus(1))
    leave_the_log(road, model, s3_address, database)
    await status(road, LATER, 5, "Closed")
    build(model, LATER)
    went_on = model.contents()
    assert events(model) == [
        (CASE, "New", "first", 1),
        (CASE, "In Review", "changed", 2),
        (CASE, "Decided", "changed", 3),
        (CASE, "Closed", "changed", 4),
        (OTHER, "New", "first", 1),
    ]
    build(model, LATER, full=True)
    assert model.contents() == went_on


async def test_a_model_that_never_saw_those_months_begins_with_the_state_that_they_left(
    model: CompiledModel, road: Road, s3_address: S3Address, database: str
) -> None:
    for number, word in enumerate(("New", "In Review", "Decided"), 1):
        await status(road, START, number, word)
    leave_the_log(road, model, s3_address, database)
    await status(road, LATER, 4, "Closed")
    build(model, LATER, full=True)
    expected = [(CASE, "Decided", "archived", 1), (CASE, "Closed", "changed", 2)]
    assert events(model) == expected
    await status(road, LATER.plus(1), 5, "Decided")
    build(model, LATER.plus(1))
    assert events(model) == [*expected, (CASE, "Decided", "changed", 3)]
    went_on = model.contents()
    build(model, LATER.plus(1), full=True)
    assert model.contents() == went_on
