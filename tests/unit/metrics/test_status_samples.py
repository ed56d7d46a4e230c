"""The metrics of the state say what `tidegate status` says of the same look."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.governor import Budget, Forecast, LeaseClass, Slowed
from schemas.status import (
    EngineStatus,
    Health,
    LaneState,
    LaneStatus,
    ObjectStatus,
    Problem,
    QueueStatus,
    RemoteStatus,
    RoleStatus,
    Severity,
)
from schemas.status_facts import LookFacts, ObjectLedger, OpenRereads, Refused, WarehouseFacts
from schemas.writeback.status_facts import UnknownWritebacks, WritebackFacts, WritebackStanding
from workers.metrics.families import Sheet
from workers.metrics.status_samples import put_status
from workers.metrics.store_samples import put_facts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
QUEUE = QueueStatus(
    queue="tidegate-lanes",
    kind="activity",
    pollers=2,
    polled_at=NOW,
    backlog=3,
    oldest=timedelta(seconds=4),
)
LANE = LaneStatus(
    lane="changes",
    state=LaneState.FOLLOWING,
    heard_at=NOW - timedelta(seconds=1),
    received_at=NOW - timedelta(seconds=2),
    position="4711",
    position_at=NOW - timedelta(seconds=3),
    unapplied_batches=1,
    unapplied_changes=20,
    oldest_unapplied_at=NOW - timedelta(seconds=5),
)
STATUS = EngineStatus(
    at=NOW,
    org="00D",
    remotes=(
        RemoteStatus(name="warehouse", health=Health.UP),
        RemoteStatus(name="s3", health=Health.DOWN),
        RemoteStatus(name="kms", health=Health.UNKNOWN),
    ),
    roles=(
        RoleStatus(role="lanes", health=Health.UP, queues=(QUEUE,)),
        RoleStatus(role="batches", health=Health.DOWN, queues=(QUEUE,)),
        RoleStatus(role="backfill", health=Health.UNKNOWN),
    ),
    lanes=(
        LANE,
        LaneStatus(lane="other", state=LaneState.UNKNOWN),
        LaneStatus(lane="off", state=LaneState.PAUSED),
    ),
    objects=(
        ObjectStatus(
            object="Case",
            changes_per_minute=7.5,
            freshness_p50=timedelta(seconds=2),
            freshness_max=timedelta(seconds=9),
            newest_change_at=NOW,
            oldest_unapplied_at=NOW - timedelta(seconds=5),
            held="too many",
        ),
        ObjectStatus(object="Account"),
    ),
    problems=(Problem(code="object.held", severity=Severity.TICKET, subject="Case", text="t", remedy="r"),),
    unknown=("quality",),
    took=timedelta(seconds=0.5),
)


def samples(sheet: Sheet) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names) -> value."""
    return {
        (
            sample.name.removeprefix("tidegate_"),
            *(sample.labels[name] for name in sorted(sample.labels)),
        ): sample.value
        for family in sheet.families()
        for sample in family.samples
    }


def of_status(status: EngineStatus) -> dict[tuple[str, ...], float]:
    sheet = Sheet()
    put_status(sheet, status)
    return samples(sheet)


def of_facts(**facts: Any) -> dict[tuple[str, ...], float]:
    sheet = Sheet()
    put_facts(sheet, LookFacts(at=NOW, org="00D", remotes=(), objects=("Account", "Case"), **facts))
    return samples(sheet)


def test_every_number_of_a_lane_is_exported_as_status_shows_it() -> None:
    found, shown = of_status(STATUS), STATUS.model_dump(mode="json")["lanes"][0]
    for name in ("heard", "received", "position", "oldest_unapplied"):
        at = datetime.fromisoformat(shown[f"{name}_at"]).timestamp()
        assert found[f"lane_{name}_timestamp_seconds", "changes"] == at
    for name in ("unapplied_batches", "unapplied_changes"):
        assert found[f"lane_{name}", "changes"] == shown[name]
    assert found["lane_position", "changes", "landed"] == int(shown["position"])


def test_a_lane_has_one_state_and_an_unknown_one_has_none() -> None:
    found = of_status(STATUS)
    states = {key[1:]: value for key, value in found.items() if key[0] == "lane_state"}
    assert [key for key, value in states.items() if value] == [("changes", "following"), ("off", "paused")]
    assert {lane for lane, _ in states} == {"changes", "off"}
    assert (found["lane_following", "changes"], found["lane_paused", "off"]) == (1, 1)


def test_unknown_health_has_no_sample() -> None:
    found = of_status(STATUS)
    assert {key[1]: value for key, value in found.items() if key[0] == "remote_up"} == {
        "warehouse": 1,
        "s3": 0,
    }
    assert {key[1]: value for key, value in found.items() if key[0] == "role_up"} == {
        "lanes": 1,
        "batches": 0,
    }
    assert found["state_unknown", "quality"] == 1


def test_every_number_of_a_queue_and_an_object_is_exported_once() -> None:
    found = of_status(STATUS)
    labels = ("activity", "tidegate-lanes")
    assert found["task_queue_pollers", *labels] == 2
    assert found["task_queue_backlog", *labels] == 3
    assert found["task_queue_backlog_age_seconds", *labels] == 4
    assert found["object_changes_per_minute", "Case"] == 7.5
    assert found["object_freshness_seconds", "Case", "p50"] == 2
    assert found["object_freshness_seconds", "Case", "max"] == 9
    assert (found["object_held", "Case"], found["object_held", "Account"]) == (1, 0)
    assert ("object_changes_per_minute", "Account") not in found
    assert found["problem", "object.held", "ticket", "Case"] == 1


def test_known_states_are_zero_and_not_missing() -> None:
    standing = WritebackStanding(object="Case", waiting=1, open=2, held=3, dead=4, oldest_waiting_at=NOW)
    unknown = UnknownWritebacks(object="Case", writebacks=2, oldest_sent_at=NOW)
    found = of_facts(writebacks=WritebackFacts(standings=(standing,), pauses=(), unknown=(unknown,)))
    case = {key[2]: value for key, value in found.items() if key[:2] == ("writebacks", "Case")}
    assert case == {"waiting": 1, "open": 2, "held": 3, "dead": 4, "unknown": 2}
    account = {value for key, value in found.items() if key[:2] == ("writebacks", "Account")}
    assert account == {0}
    assert found["writeback_oldest_timestamp_seconds", "Case"] == NOW.timestamp()
    assert ("writeback_oldest_timestamp_seconds", "Account") not in found


def test_a_part_that_was_not_asked_has_no_samples() -> None:
    assert of_facts() == {}
    assert ("ledger_imbalance_changes",) not in of_facts(warehouse=WarehouseFacts())


def test_the_warehouses_counts_are_exported() -> None:
    ledger = ObjectLedger(
        object="Case", landed=5, applied=3, duplicate=1, quarantined=0, imbalance=1, newest_change_at=NOW
    )
    refused = Refused(reason="bad_header", changes=2, oldest_at=NOW)
    again = OpenRereads(object="Case", changes=6, windows=0, oldest_at=NOW)
    found = of_facts(warehouse=WarehouseFacts(ledger=(ledger,), quarantine=(refused,), rereads=(again,)))
    assert found["ledger_imbalance_changes",] == 1
    assert found["quarantine_changes", "bad_header"] == 2
    assert found["quarantine_changes", "unknown_object"] == 0
    assert (found["rereads_open", "Case"], found["rereads_open", "Account"]) == (6, 0)


def test_a_forecast_is_capped_at_a_day() -> None:
    spent = Forecast(
        budget=Budget.API_CALLS,
        maximum=100,
        used=90,
        runs_out_at=NOW + timedelta(hours=3),
        slowed=(Slowed(lease_class=LeaseClass.GUEST, at=NOW - timedelta(hours=1), reason="r", spends=True),),
    )
    calm = Forecast(budget=Budget.BULK_QUERY_JOBS, maximum=10)
    unread = Forecast(budget=Budget.INGEST_ROWS, maximum=None)
    found = of_facts(forecasts=(spent, calm, unread))
    assert found["budget_exhaustion_seconds", "api_calls"] == 3 * 3_600
    assert found["budget_exhaustion_seconds", "bulk_query_jobs"] == 86_400
    assert found["budget_slowed_seconds", "api_calls", "guest"] == 0
    assert found["budget_slowed_seconds", "api_calls", "writeback"] == 86_400
    assert [key for key in found if "ingest_rows" in key] == []
