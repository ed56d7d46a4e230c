"""Problems of the read copy: whatever it cannot answer is named, and unknown is never good."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.read_copy.status_facts import CopiedObject, CopyFacts
from schemas.status import Severity
from schemas.status_facts import LookFacts, ObjectLedger, WarehouseFacts
from transforms.status.engine import engine_status
from transforms.status.read_copy import copy_problems

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def look(*objects: dict[str, Any], newest: datetime | None = None, **facts: Any) -> LookFacts:
    usual = {"object": "Case", "filled_at": NOW - 9 * HOUR, "checked_at": NOW - HOUR, "differs": None}
    found = tuple(CopiedObject(**usual | {"newest_change_at": newest} | each) for each in objects)
    ledger = ObjectLedger(
        object="Case", landed=1, applied=1, duplicate=0, quarantined=0, imbalance=0, newest_change_at=newest
    )
    usual_facts = {
        "objects": ("Case",),
        "copied": CopyFacts(is_set=True, objects=found),
        "warehouse": WarehouseFacts(ledger=(ledger,)),
    }
    return LookFacts(at=NOW, org="o", remotes=(), **usual_facts | facts)


def found(facts: LookFacts) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in copy_problems(facts)]


def test_a_copy_that_is_filled_equal_and_compared_is_no_problem() -> None:
    assert found(look({}, newest=NOW)) == []


def test_an_object_without_a_fill_is_named() -> None:
    assert found(look()) == [("copy.not_filled", Severity.TICKET)]
    assert found(look({"filled_at": None})) == [("copy.not_filled", Severity.TICKET)]


def test_a_copy_that_differs_pages() -> None:
    assert found(look({"differs": "3 records differ"})) == [("copy.differs", Severity.PAGE)]


def test_a_copy_that_lacks_what_the_warehouse_has_is_late() -> None:
    late = {"newest_change_at": NOW - 3 * timedelta(minutes=1)}
    assert found(look(late, newest=NOW)) == [("copy.late", Severity.PAGE)]
    assert found(look({"newest_change_at": None}, newest=NOW)) == [("copy.late", Severity.PAGE)]
    # It is written first.
    assert found(look({"newest_change_at": NOW}, newest=NOW - HOUR)) == []


def test_a_copy_that_was_not_compared_is_not_called_equal() -> None:
    assert found(look({"checked_at": NOW - 4 * HOUR})) == [("copy.unchecked", Severity.TICKET)]
    assert found(look({"checked_at": None})) == [("copy.unchecked", Severity.TICKET)]


def test_a_copy_that_does_not_answer_is_unknown() -> None:
    silent = look(copied=CopyFacts(is_set=True))
    assert found(silent) == []
    assert "read copy" in engine_status(silent, timedelta(0)).unknown
    assert "read copy" not in engine_status(look({}), timedelta(0)).unknown
    assert "read copy" not in engine_status(look(copied=CopyFacts()), timedelta(0)).unknown


BIT = timedelta(microseconds=1)


def test_a_copy_lags_by_two_minutes_at_most() -> None:
    target = timedelta(minutes=2)
    assert found(look({"newest_change_at": NOW - target}, newest=NOW)) == []
    assert found(look({"newest_change_at": NOW - target - BIT}, newest=NOW)) == [("copy.late", Severity.PAGE)]


def test_a_copy_is_compared_within_three_hours_of_the_last_time_or_of_its_fill() -> None:
    unchecked = [("copy.unchecked", Severity.TICKET)]
    assert found(look({"checked_at": NOW - 3 * HOUR})) == []
    assert found(look({"checked_at": NOW - 3 * HOUR - BIT})) == unchecked
    assert found(look({"checked_at": None, "filled_at": NOW - 3 * HOUR})) == []
    assert found(look({"checked_at": None, "filled_at": NOW - 3 * HOUR - BIT})) == unchecked


def test_a_copy_is_not_called_late_while_the_warehouse_says_nothing() -> None:
    late = {"newest_change_at": None}
    assert found(look(late, warehouse=None)) == []
    assert found(look(late, warehouse=WarehouseFacts())) == []


def test_a_copy_is_compared_with_its_own_object_and_with_every_one_of_the_catalogue() -> None:
    late = look({"newest_change_at": None}, newest=NOW, objects=("Account", "Case"))
    assert [(each.code, each.subject) for each in copy_problems(late)] == [
        ("copy.not_filled", "Account"),
        ("copy.late", "Case"),
    ]
    other = look({"object": "Account", "newest_change_at": None}, newest=NOW, objects=("Account",))
    assert found(other) == []
