"""Law 9: a proof speaks for one act, once; and nobody is believed who names himself."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.audit import AuditActivities
from clients.acting import Actor, installed, settled
from clients.audit.verify import verify_log
from clients.database.audit_log import AuditLog
from schemas.ingest.messages import Act
from schemas.security.acting import Door, Origin, Proof
from tests.support.builders.anchors import AT, stored_rows
from transforms.proof import ActKeys, signed

pytestmark = pytest.mark.service

KEYS = ActKeys("k1", {"k1": bytes(range(32))})
LANE = "lane/o/changes"


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    """Of a process that has the keys."""
    with closing(AuditLog(database)) as opened, installed(Actor(Door.ENGINE), lambda: KEYS):
        opened.ensure_tables()
        yield opened


def proven(by: str = "ada", *, nonce: str = "") -> Origin:
    said = Origin(door=Door.HTTP, target=LANE, operation="signal pause", content="c")
    return signed(said, by, KEYS, datetime.now(UTC), nonce)


def act(origin: Origin | None, second: int = 0, *, by: str = "ada", what: str = "lane.pause") -> Act:
    return Act(act=what, by=by, target=LANE, detail="why", at=AT + timedelta(seconds=second), origin=origin)


def doubts(log: AuditLog) -> list[str]:
    """Of each act in order; "" = its author is proven."""
    found = [row.origin or Origin(doubt="no origin") for _, row in log.rows()]
    assert all(each.verified is not bool(each.doubt) for each in found)
    return [each.doubt for each in found]


def test_a_proof_speaks_for_an_act_once(log: AuditLog) -> None:
    origin = proven()
    for second in range(3):
        log.append(act(origin, second))
    log.append(act(proven(), 3))
    assert doubts(log) == ["", "its proof was used by row 1", "its proof was used by row 1", ""]
    assert verify_log(log, None, act_keys=KEYS).problems == ()


def test_a_proof_of_a_request_speaks_for_each_kind_of_act_that_it_was(log: AuditLog) -> None:
    origin = proven()
    log.append(act(origin, 0))
    log.append(act(origin, 1, what="lane.position"))
    assert doubts(log) == ["", ""]


def test_an_act_that_is_tried_again_with_its_proof_is_written_once(log: AuditLog) -> None:
    origin = proven()
    assert [log.append(act(origin)), log.append(act(origin))] == [1, 1]
    assert doubts(log) == [""]


def test_a_proof_of_another_name_is_doubted_for_that_and_not_for_its_use(log: AuditLog) -> None:
    origin = proven()
    log.append(act(origin, 0))
    log.append(act(origin, 1, by="eve"))
    assert doubts(log) == ["", "its proof is not of this name and content"]


def test_a_nonce_as_long_as_anybody_makes_it_is_kept_and_found(log: AuditLog) -> None:
    origin = proven(nonce=100 * "n")
    log.append(act(origin, 0))
    log.append(act(origin, 1))
    assert doubts(log) == ["", "its proof was used by row 1"]


def test_a_row_holds_of_its_origin_only_what_is_known(log: AuditLog, database: str) -> None:
    log.append(act(Origin(operation="signal pause")))
    (row,) = stored_rows(database)
    assert row.origin == '{"operation":"signal pause","doubt":"no proof came with it"}'


FORGED = [
    pytest.param(Origin(principal="schedule"), "no proof came with it", id="no proof"),
    pytest.param(
        Origin(principal="schedule", proof=Proof(key_id="k1", nonce="n", issued_at="", mac="x")),
        "its proof is not of this name and content",
        id="any proof",
    ),
]


@pytest.mark.parametrize(("origin", "doubt"), FORGED)
async def test_a_client_that_names_its_own_principal_is_not_believed(
    log: AuditLog, origin: Origin, doubt: str
) -> None:
    """Temporal runs the activity that records acts for any client that asks."""
    forged = act(origin, by="schedule")
    await ActivityEnvironment().run(AuditActivities(log).record_act, forged)
    assert doubts(log) == [doubt]
    assert not settled(origin, "schedule", LANE).verified


def test_a_principal_that_temporal_told_this_process_proves_the_name_that_it_is(log: AuditLog) -> None:
    log.append(act(Origin(), 0), asked_of=LANE, principal="ada")
    log.append(act(Origin(), 1), asked_of=LANE, principal="eve")
    log.append(act(Origin(), 2, by=""), asked_of=LANE, principal="")
    assert doubts(log) == ["", "no proof came with it", "no proof came with it"]
    assert verify_log(log, None, act_keys=KEYS).problems == ()
