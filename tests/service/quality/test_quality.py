"""Scorecards, holds, and what operators do with findings: counted as they came, held above a
threshold, released and acknowledged on record.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from cli.status.quality import quality_lines, quality_view
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import Catalogue, default_catalogue
from schemas.errors import ObjectHeldError
from schemas.quality_views import FindingChoice, ScoreRow
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps, whole_case
from workers.quality import QualityActs, QualityLooks

pytestmark = pytest.mark.service

BY = {"by": "anna", "reason": "it is known"}
CASES = [f"500{number:012d}AAA" for number in range(20)]


def catalogue() -> Catalogue:
    """The default one, with rules: half of a batch's cases may have a wrong origin, a wrong
    priority is noted.
    """
    given = default_catalogue().model_dump(mode="json", exclude_defaults=True)
    case = given["objects"]["Case"]
    case["hold_above"] = 50
    case["fields"]["Origin"] |= {"values": ["Web", "Phone"], "severity": {"values": "reject"}}
    case["fields"]["Priority"]["values"] = ["High", "Low"]
    return Catalogue.model_validate(given)


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, catalogue())
    warehouse.ensure_tables(opened.catalogue)
    return opened


@pytest.fixture
def audit(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        yield log


@pytest.fixture
def acts(road: Road, audit: AuditLog) -> QualityActs:
    return QualityActs(road.warehouse, audit)


def case(number: int, **fields: Any) -> dict[str, Any]:
    return event(number, {**whole_case(number), **fields}, record_ids=[CASES[number]])


def update(number: int, record: int, **fields: Any) -> dict[str, Any]:
    change = {**fields, "LastModifiedDate": stamps()["LastModifiedDate"]}
    return event(number, change, change_type="UPDATE", record_ids=[CASES[record]])


def scores(road: Road) -> dict[tuple[str, str], ScoreRow]:
    return {(each.field, each.rule): each for each in QualityLooks(road.warehouse).scorecard("Case")}


def status_of(database: str) -> list[str]:
    with psycopg.connect(database) as connection:
        return list(quality_lines(quality_view(connection)))


def open_findings(road: Road, **choice: str) -> list[tuple[str, str]]:
    found = QualityLooks(road.warehouse).findings(FindingChoice(**choice), 100)
    return [(each.record_id, each.rule) for each in found]


async def test_a_scorecard_counts_what_was_checked_and_what_failed(road: Road) -> None:
    await road.send([case(1, Priority="High"), case(2, Priority="Huge"), case(3, Subject="x" * 300), case(4)])
    await road.send([update(5, 2, Priority="Low"), update(6, 1, Status=None), update(7, 1, Priority="Vast")])
    found = scores(road)
    counts = {key: (each.checked, each.failed, each.failed_now) for key, each in found.items()}
    assert counts["*", "fits"] == (7, 1, 1)
    assert counts["Priority", "values"] == (4, 2, 1)
    assert counts["Status", "required"] == (5, 1, 1)
    assert found["Priority", "values"].percent == 50
    assert {each.day for each in found.values()} == {datetime.now(UTC).date()}


async def test_a_deleted_record_has_no_open_findings_but_those_of_unknown_fields(road: Road) -> None:
    def open_rules() -> list[str]:
        with road.warehouse.transaction() as transaction:
            rows = transaction.fetch(
                "SELECT rule FROM ops.quality WHERE resolved_at IS NULL AND record_id <> ''"
            )
        return sorted(rule for (rule,) in rows)

    gone = event(3, {}, change_type="DELETE", record_ids=[CASES[1]])
    deleted = await road.stage(road.land([gone]))
    await road.send([case(1, Priority="none", Subject=7)])
    assert open_rules() == ["values", "wrong_type"]
    road.applier(road.warehouse).apply([deleted["Case"]])
    assert open_rules() == ["wrong_type"]
    assert scores(road)["Priority", "values"].failed_now == 0
    # A breach that comes late, and happened before the delete.
    await road.send([update(2, 1, Priority="neither")])
    assert open_rules() == ["wrong_type"]
    back = event(4, {**whole_case(4), "Priority": "none"}, change_type="UNDELETE", record_ids=[CASES[1]])
    await road.send([back])
    assert open_rules() == ["values"]


async def test_a_batch_that_was_applied_is_not_counted_twice(road: Road) -> None:
    items = await road.stage(road.land([case(1), case(2, Priority="Huge")]))
    for _ in range(2):
        road.applier(road.warehouse).apply([items["Case"]])
    assert (scores(road)["*", "fits"].checked, scores(road)["Priority", "values"].failed) == (2, 1)


async def test_the_trend_compares_with_the_seven_days_before(road: Road, database: str) -> None:
    await road.send([case(1, Priority="High"), case(2, Priority="Huge")])
    with psycopg.connect(database) as connection:
        for days, failed in ((1, 10), (7, 30), (8, 100)):
            connection.execute(
                "INSERT INTO ops.quality_day SELECT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::date - %s::int, "
                "'Case', 'Priority', 'values', 100, %s",
                [days, failed],
            )
    cards = QualityLooks(road.warehouse).scorecard("Case", 1)
    [score] = [each for each in cards if (each.field, each.rule) == ("Priority", "values")]
    assert (score.percent, score.percent_before, score.trend) == (50, 20, 30)


async def test_a_batch_with_too_many_rejected_changes_holds_its_object_and_raw_goes_on(
    road: Road, database: str
) -> None:
    await road.send([case(1)])
    wrong = await road.stage(road.land([case(2, Origin="Fax"), case(3, Origin="Fax"), case(4)]))
    applier = road.applier(road.warehouse)
    with pytest.raises(ObjectHeldError, match="2 of 3 changes of the batch") as caught:
        applier.apply([wrong["Case"]])
    assert caught.value.retry_after is not None
    good = await road.stage(road.land([case(5)]))
    with pytest.raises(ObjectHeldError):
        applier.apply([good["Case"]])
    with road.warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT COUNT(*) FROM curated.case_current") == [(1,)]
        assert transaction.fetch("SELECT COUNT(*) FROM ops.quarantine") == [(0,)]
    assert "Case is HELD: 2 of 3 changes of the batch" in status_of(database)[0]


async def test_a_released_object_is_applied_and_held_again_by_what_comes_later(
    road: Road, acts: QualityActs, audit: AuditLog
) -> None:
    wrong = await road.stage(road.land([case(2, Origin="Fax"), case(3)]))
    wronger = await road.stage(road.land([case(4, Origin="Fax")]))
    applier = road.applier(road.warehouse)
    assert applier.apply([wrong["Case"]])[0].quarantined == 1  # half is not more than half
    with pytest.raises(ObjectHeldError):
        applier.apply([wronger["Case"]])
    assert acts.release("Case", **BY) == 1
    assert applier.apply([wronger["Case"]])[0].quarantined == 1
    assert acts.release("Case", **BY) == 0
    [(_, act)] = audit.rows()
    assert (act.act, act.by, act.target) == ("quality.release", "anna", "Case")
    assert QualityLooks(road.warehouse).holds() == []
    score = scores(road)["*", "reject"]
    assert (score.checked, score.failed) == (3, 2)


async def test_an_object_without_a_threshold_is_never_held(road: Road) -> None:
    spec = road.catalogue.object("Case").model_copy(update={"hold_above": None})
    objects = {**road.catalogue.objects, "Case": spec}
    road.catalogue = road.catalogue.model_copy(update={"objects": objects})
    results = await road.send([case(1, Origin="Fax")])
    assert results["Case"].quarantined == 1


async def test_an_acknowledged_finding_stays_on_record_and_needs_care_again_when_it_comes_again(
    road: Road, acts: QualityActs, audit: AuditLog, database: str
) -> None:
    await road.send([case(1, Priority="Huge"), case(2, Priority="Vast")])
    assert open_findings(road) == [(CASES[1], "values"), (CASES[2], "values")]
    assert "quality of Case: 2 noted" in status_of(database)[0]
    assert acts.acknowledge(FindingChoice(object="Case", record_id=CASES[1]), **BY) == 1
    assert acts.acknowledge(FindingChoice(object="Case", rule="max"), **BY) == 0
    assert open_findings(road) == [(CASES[2], "values")]
    every = QualityLooks(road.warehouse).findings(FindingChoice(), 100, everything=True)
    assert {(each.record_id, each.acknowledged_by) for each in every} == {
        (CASES[1], "anna"),
        (CASES[2], None),
    }
    [(_, act)] = audit.rows()
    assert (act.act, act.detail) == ("quality.acknowledge", f"record {CASES[1]} (1): it is known")
    await road.send([update(3, 1, Priority="Low"), update(4, 2, Priority="Low")])
    assert status_of(database) == ["quality: nothing is open"]
    await road.send([update(5, 1, Priority="Huge")])
    assert open_findings(road) == [(CASES[1], "values")]


async def test_a_redriven_finding_has_its_record_read_again(road: Road, acts: QualityActs) -> None:
    await road.send([case(1, Subject="x" * 300), case(2)])
    assert acts.redrive(FindingChoice(object="Case", rule="too_long"), **BY) == 1
    with road.warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT object, record_id, cause FROM ops.reread") == [
            ("Case", CASES[1], "field")
        ]


async def test_status_says_that_quality_is_unknown_when_it_cannot_ask(road: Road, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP TABLE ops.hold")
        [line] = quality_lines(quality_view(connection))
        assert line.startswith("quality: unknown")
        assert connection.execute("SELECT 1").fetchone() == (1,)
