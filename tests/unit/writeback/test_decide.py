"""Each decision about an entry, by the second: before it is sent, and after a call without an
answer.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.catalogue import default_catalogue
from schemas.writeback.messages import ConflictPolicy, WritebackState
from transforms.ingest.snapshots import REFRESH_ORIGIN, REPAIR_ORIGIN
from transforms.writeback.decide import (
    CHANGE_LOG_MARGIN,
    CHANGE_LOG_RETRY,
    Guard,
    is_by_job,
    is_recent,
    look_up,
    weigh,
)
from transforms.writeback.facts import OtherChange, Outcome, SeenRecord, SentAt, ToSend

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACCEPTED = NOON + timedelta(seconds=10, milliseconds=400)
US, THEM = "005000000000001AAA", "005000000000002AAA"
SPEC = default_catalogue().object("Case")
ORG_BULK = "com/salesforce/api/bulkapi/67.0"
EVENT = "com/salesforce/api/rest/67.0;client=another"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(**changed: Any) -> ToSend:
    values = {
        "fields": {"Subject": "ours"},
        "accepted": {"Subject": ACCEPTED},
        "deadline": after(3_600),
        **changed,
    }
    return ToSend((1,), "Case=c-1", "C-1", **values)


def record(modified: float = 0, *, by: str = THEM, subject: str = "before", **changed: Any) -> SeenRecord:
    return SeenRecord("500A", {"Subject": subject, "Status": "New"}, after(modified), by, **changed)


def change(
    at: float, *fields: str, whole: bool = False, user: str = THEM, origin: str = EVENT
) -> OtherChange:
    return OtherChange(after(at), None if whole else frozenset(fields), user, origin)


def guard(
    policy: ConflictPolicy = ConflictPolicy.HOLDS, *, us: str = US, ours: tuple[OtherChange, ...] = ()
) -> Guard:
    return Guard(SPEC, lambda _: policy, us, ours.__contains__)


def weighed(
    asked: ToSend, seen: SeenRecord | None, *log: OtherChange, by: Guard | None = None, now: float = 60
) -> Outcome | None:
    return weigh(asked, seen, log, by or guard(), after(now))


def code(found: Outcome | None) -> tuple[str, WritebackState] | None:
    return None if found is None else (found.code, found.state)


DEAD, HELD, WAITING, DONE, SUPERSEDED = (
    WritebackState.DEAD,
    WritebackState.HELD,
    WritebackState.WAITING,
    WritebackState.DONE,
    WritebackState.SUPERSEDED,
)


def test_a_record_that_is_not_there_is_made_unless_the_writeback_says_otherwise() -> None:
    assert weighed(entry(), None) is None
    assert code(weighed(entry(may_create=False), None)) == ("not_found", DEAD)
    assert code(weighed(entry(only_if={"Status": "New"}), None)) == ("precondition", DEAD)


def test_an_ambiguous_key_is_never_written_by() -> None:
    found = weighed(entry(), record(is_ambiguous=True))
    assert code(found) == ("DUPLICATE_EXTERNAL_ID", DEAD)
    assert found is not None
    assert (found.record_id, found.is_try) == ("500A", False)


def test_a_condition_holds_or_the_fields_that_break_it_are_named() -> None:
    assert weighed(entry(only_if={"Status": "New", "Subject": "before"}), record()) is None
    one = weighed(entry(only_if={"Status": "Closed", "Subject": "before"}), record())
    two = weighed(entry(only_if={"Status": "Closed", "Subject": "x"}), record())
    assert one is not None
    assert two is not None
    assert (one.code, one.reason.partition(" no ")[0]) == ("precondition", "Status has")
    assert two.reason.partition(" no ")[0] == "Status, Subject have"


@pytest.mark.parametrize(("modified", "is_sent"), [(4, True), (5, True), (6, False)])
def test_unchanged_since_allows_a_change_up_to_its_own_time(modified: float, is_sent: bool) -> None:
    found = weighed(entry(unchanged_since=after(5)), record(modified))
    assert code(found) == (None if is_sent else ("precondition", DEAD))


@pytest.mark.parametrize(("modified", "is_asked"), [(9, False), (10, True), (11, True)])
def test_the_change_log_is_asked_from_the_second_of_acceptance_on(modified: float, is_asked: bool) -> None:
    assert is_recent(entry(), record(modified), guard()) == is_asked
    assert not is_recent(entry(), record(modified), guard(ConflictPolicy.YIELDS))
    assert not is_recent(entry(), None, guard())


def test_the_latest_time_of_somebody_else_counts_where_it_is_known() -> None:
    assert not is_recent(entry(), record(50, foreign_at=after(9)), guard())
    assert is_recent(entry(), record(0, foreign_at=after(10)), guard())


@pytest.mark.parametrize(
    ("at", "is_newer"), [(9.9, False), (10, True), (10.3, False), (10.4, False), (10.5, True), (11, True)]
)
def test_a_whole_second_may_be_anywhere_in_it_and_a_finer_time_is_exact(at: float, is_newer: bool) -> None:
    last = change(20, "Status")
    found = weighed(entry(), record(20), change(at, "Subject"), last)
    assert code(found) == (("newer_change", HELD) if is_newer else None)


def test_a_newer_change_holds_or_wins_or_is_overwritten_as_the_policy_says() -> None:
    newer = change(20, "Subject")
    held = weighed(entry(), record(20), newer)
    won = weighed(entry(), record(20), newer, by=guard(ConflictPolicy.WINS))
    assert held is not None
    assert won is not None
    assert (code(held), code(won)) == (("newer_change", HELD), ("newer_change", SUPERSEDED))
    assert (held.is_try, won.is_try, held.record_id, won.record_id) == (False, False, "500A", "500A")
    assert held.reason.startswith("Subject: changed")
    assert won.reason.startswith("Subject: changed")
    assert weighed(entry(), record(20), newer, by=guard(ConflictPolicy.YIELDS)) is None


def test_a_newer_change_of_another_field_is_no_conflict_and_a_whole_record_is() -> None:
    assert weighed(entry(), record(20), change(20, "Status")) is None
    assert code(weighed(entry(), record(20), change(20, whole=True))) == ("newer_change", HELD)


def test_our_own_change_is_no_conflict() -> None:
    ours = change(20, "Subject")
    assert weighed(entry(), record(20), ours, by=guard(ours=(ours,))) is None


def test_only_the_fields_that_hold_are_named() -> None:
    policies = {"Subject": ConflictPolicy.WINS, "Status": ConflictPolicy.HOLDS}
    mixed = Guard(SPEC, policies.__getitem__, US, lambda _: False)
    both = entry(fields={"Subject": "a", "Status": "b"}, accepted={"Subject": ACCEPTED, "Status": ACCEPTED})
    found = weighed(both, record(20), change(20, "Subject", "Status"), by=mixed)
    assert found is not None
    assert (found.state, found.reason.partition(":")[0]) == (HELD, "Status")
    won = weighed(both, record(20), change(20, "Subject", "Status"), by=guard(ConflictPolicy.WINS))
    assert won is not None
    assert won.reason.partition(":")[0] == "Status, Subject"


def test_a_change_that_the_log_has_not_got_is_waited_for_until_shortly_before_the_deadline() -> None:
    deadline = 3_600 - CHANGE_LOG_MARGIN.total_seconds()
    found = weighed(entry(), record(20), now=deadline - 1)
    assert found is not None
    assert (code(found), found.retry_in, found.is_try) == (
        ("change_under_way", WAITING),
        CHANGE_LOG_RETRY,
        False,
    )
    assert code(weighed(entry(), record(20), now=deadline)) == ("newer_change", HELD)
    assert weighed(entry(), record(20, by=US), now=deadline) is None


def test_an_older_change_in_the_log_does_not_tell_of_the_last_one() -> None:
    assert code(weighed(entry(), record(20), change(19, "Status"))) == ("change_under_way", WAITING)
    assert weighed(entry(), record(20), change(20.7, "Status")) is None


SENT, PATIENCE, SETTLED = 100.6, 240, 120


def sent(now: float = 101, *, client: str = "tidegate-b") -> SentAt:
    return SentAt(after(SENT), after(now), client, timedelta(seconds=SETTLED), timedelta(seconds=PATIENCE))


def looked(
    seen: SeenRecord | None, *log: OtherChange, asked: ToSend | None = None, at: SentAt | None = None
) -> Outcome | None:
    return look_up(asked or entry(), seen, log, guard(), at or sent())


OURS = change(101, "Subject", user=US, origin="com/salesforce/api/rest/67.0;client=tidegate-b")


def test_a_change_with_the_batchs_name_was_ours_whatever_the_record_holds_now() -> None:
    found = looked(record(500, subject="another"), OURS)
    assert found is not None
    assert (found.state, found.record_id, found.looked_up) == (DONE, "500A", True)
    assert code(looked(None, OURS)) == ("", DONE)


def test_a_change_of_another_client_of_ours_is_not_the_batchs() -> None:
    other = change(101, "Status", user=US, origin="com/salesforce/api/rest/67.0;client=tidegate-bb")
    assert looked(record(0), other) is None


@pytest.mark.parametrize(
    ("user", "origin", "us", "is_job"),
    [
        (US, ORG_BULK, US, True),
        (US[:15], ORG_BULK, US, True),
        (THEM, ORG_BULK, US, False),
        (US, EVENT, US, False),
        ("", ORG_BULK, "", False),
    ],
)
def test_a_change_by_a_job_is_ours_by_user_and_origin(user: str, origin: str, us: str, is_job: bool) -> None:
    assert is_by_job(change(101, user=user, origin=origin), us) == is_job


def test_a_jobs_change_has_no_clients_name() -> None:
    job = change(101, "Subject", user=US, origin=ORG_BULK)
    assert code(looked(record(101), job, at=sent(client=""))) == ("", DONE)
    assert looked(record(101, by=US), job, at=sent(client="tidegate-b")) is None


@pytest.mark.parametrize(("now", "is_settled"), [(SENT + SETTLED - 1, False), (SENT + SETTLED, True)])
def test_a_record_that_did_not_change_is_written_again_once_the_org_has_let_go(
    now: float, is_settled: bool
) -> None:
    found = looked(record(99), at=sent(now))
    assert code(found) == (("no_answer", WAITING) if is_settled else None)
    assert found is None or found.looked_up


def test_our_values_under_our_name_since_the_call_are_ours() -> None:
    assert code(looked(record(100, by=US, subject="ours"))) == ("", DONE)
    assert looked(record(99, by=US, subject="ours")) is None


def test_our_values_under_another_name_are_ours_only_when_the_log_is_no_longer_waited_for() -> None:
    theirs = record(110, subject="ours")
    assert looked(theirs, at=sent(SENT + PATIENCE - 1)) is None
    assert code(looked(theirs, at=sent(SENT + PATIENCE))) == ("", DONE)


def test_a_record_changed_by_others_that_the_log_never_tells_of_is_unknown() -> None:
    assert looked(record(110), at=sent(SENT + PATIENCE - 1)) is None
    found = looked(record(110), at=sent(SENT + PATIENCE))
    assert found is not None
    assert (code(found), found.is_try) == (("unknown_outcome", DEAD), False)


def test_when_the_log_tells_every_change_and_none_is_ours_it_was_not_written() -> None:
    late = sent(SENT + SETTLED)
    told = change(110, "Status")
    assert code(looked(record(110), told, at=late)) == ("no_answer", WAITING)
    assert code(looked(record(110, subject="ours"), told, at=late)) == ("no_answer", WAITING)
    by_job = sent(SENT + SETTLED, client="")
    assert code(looked(record(110, subject="ours"), told, at=by_job)) == ("", DONE)


@pytest.mark.parametrize("origin", ["", REFRESH_ORIGIN, REPAIR_ORIGIN])
def test_a_record_that_was_read_as_a_whole_does_not_tell_whose_change_it_was(origin: str) -> None:
    read = change(110, whole=True, user="", origin=origin)
    assert looked(record(110), read, at=sent(SENT + SETTLED)) is None
    creation = change(110, whole=True, user="", origin=EVENT)
    assert code(looked(record(110), creation, at=sent(SENT + SETTLED))) == ("no_answer", WAITING)


def test_another_users_change_does_not_tell_of_the_last_one() -> None:
    third = change(110, "Status", user="005000000000003AAA")
    assert looked(record(110), third, at=sent(SENT + SETTLED)) is None


def test_a_record_that_is_gone_was_deleted_when_it_existed_and_else_was_not_made() -> None:
    late = sent(SENT + SETTLED)
    assert code(looked(None, at=late)) == ("no_answer", WAITING)
    assert code(looked(None, asked=entry(existed=True), at=late)) == ("deleted", DEAD)


@pytest.mark.parametrize(("deleted", "is_new"), [(99, False), (100, True), (101, True)])
def test_a_record_put_into_the_bin_since_the_call_may_have_been_made_by_it(
    deleted: float, is_new: bool
) -> None:
    binned = record(50, deleted_at=after(deleted))
    assert looked(binned, at=sent(SENT + PATIENCE - 1)) is None or not is_new
    found = looked(binned, at=sent(SENT + PATIENCE))
    assert code(found) == (("deleted", DEAD) if is_new else ("no_answer", WAITING))
    told = looked(binned, change(deleted, "Status"), at=sent(SENT + PATIENCE))
    assert code(told) == ("no_answer", WAITING)


def test_values_that_cannot_be_compared_are_not_taken_for_ours() -> None:
    parent = entry(fields={"What": {"ExternalId__c": "A-1"}})
    assert code(looked(record(110, by=US), asked=parent, at=sent(SENT + PATIENCE))) == (
        "unknown_outcome",
        DEAD,
    )
