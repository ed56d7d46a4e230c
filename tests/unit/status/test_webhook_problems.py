"""Problems of webhooks: late without a receiver's fault pages, a receiver's fault is a ticket, and
what another problem explains is a notice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.status import Health, Problem, RemoteStatus, RoleStatus, Severity
from schemas.status_facts import LookFacts
from schemas.webhook.messages import WebhookState
from schemas.webhook.status_facts import WebhookStanding
from schemas.writeback.status_facts import WritebackFacts
from transforms.status.webhooks import webhook_problems

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def found(standing: dict[str, Any], **facts: Any) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in problems(standing, **facts)]


def problems(standing: dict[str, Any], **facts: Any) -> list[Problem]:
    usual = {
        "name": "billing",
        "state": WebhookState.ACTIVE,
        "because": "",
        "changed_at": NOW - 600 * MINUTE,
        "delivered_at": NOW - MINUTE,
        "failing_since": None,
        "failure": "",
        "through": NOW,
        "held": 0,
        "dead": 0,
    }
    hook = WebhookStanding(**usual | standing)
    writebacks = WritebackFacts(standings=(), pauses=(), webhooks=(hook,))
    look = LookFacts(at=NOW, org="o", **{"remotes": ()} | facts, writebacks=writebacks)
    return list(webhook_problems(look))


def test_a_webhook_that_keeps_up_is_no_problem() -> None:
    assert found({}) == []
    assert found({"failing_since": NOW - MINUTE, "failure": "it answered 500"}) == []
    assert found({"held": 800}) == []


LATE = {"through": NOW - 6 * MINUTE, "delivered_at": NOW - 6 * MINUTE}


def test_changes_that_nobody_posts_page() -> None:
    assert found(LATE) == [("webhook.late", Severity.PAGE)]
    assert found(LATE | {"delivered_at": None}) == [("webhook.late", Severity.PAGE)]


def test_a_webhook_that_catches_up_is_a_ticket() -> None:
    assert found(LATE | {"delivered_at": NOW - MINUTE}) == [("webhook.late", Severity.TICKET)]
    assert found(LATE | {"changed_at": NOW - MINUTE}) == [("webhook.late", Severity.TICKET)]


def test_a_webhook_that_is_late_because_something_is_down_is_a_notice() -> None:
    down = RemoteStatus(name="warehouse", health=Health.DOWN)
    assert found(LATE, remotes=(down,)) == [("webhook.late", Severity.NOTICE)]
    missing = RoleStatus(role="writebacks", health=Health.DOWN, queues=())
    assert found(LATE, roles=(missing,)) == [("webhook.late", Severity.NOTICE)]
    other = RemoteStatus(name="salesforce", health=Health.DOWN)
    assert found(LATE, remotes=(other,)) == [("webhook.late", Severity.PAGE)]


@pytest.mark.parametrize(
    "standing",
    [{"failing_since": NOW - 11 * MINUTE, "failure": "it answered 500", **LATE}, {"held": 901, **LATE}],
)
def test_a_receiver_that_takes_nothing_is_a_ticket_and_explains_the_delay(standing: dict[str, Any]) -> None:
    assert found(standing) == [("webhook.failing", Severity.TICKET)]


def test_a_webhook_that_is_stopped_says_by_whom() -> None:
    assert found({"state": WebhookState.PAUSED}) == [("webhook.paused", Severity.NOTICE)]
    stopped = {"state": WebhookState.DISABLED, "dead": 3}
    assert found(stopped) == [("webhook.dead", Severity.TICKET), ("webhook.disabled", Severity.TICKET)]


BIT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("within", "beyond", "code"),
    [
        ({"through": NOW - 5 * MINUTE}, {"through": NOW - 5 * MINUTE - BIT}, "webhook.late"),
        ({"failing_since": NOW - 10 * MINUTE}, {"failing_since": NOW - 10 * MINUTE - BIT}, "webhook.failing"),
        ({"held": 900}, {"held": 901}, "webhook.failing"),
        ({"dead": 0}, {"dead": 1}, "webhook.dead"),
    ],
)
def test_a_webhook_is_a_problem_just_beyond_its_limit(
    within: dict[str, Any], beyond: dict[str, Any], code: str
) -> None:
    assert found(within) == []
    assert [each for each, _ in found(beyond)] == [code]


def test_a_webhook_catches_up_when_it_posted_or_began_within_five_minutes() -> None:
    def told(**moved: Any) -> tuple[str, str, str]:
        (late,) = problems(LATE | moved)
        return str(late.severity), late.text, late.remedy

    moves = ("ticket", "it is behind, and catches up", "tidegate webhook list")
    stands = ("page", "nobody posts its changes", "tidegate status; see the writebacks role")
    assert told(delivered_at=NOW - 5 * MINUTE) == told(changed_at=NOW - 5 * MINUTE) == moves
    assert told(delivered_at=NOW - 5 * MINUTE - BIT) == told(delivered_at=None) == stands
    assert told(changed_at=NOW - 5 * MINUTE - BIT) == stands


def test_a_webhook_without_feeds_or_with_a_receiver_that_fails_since_lately_is_not_late() -> None:
    assert found(LATE | {"through": None}) == []
    assert found(LATE | {"failing_since": NOW - MINUTE}) == []


@pytest.mark.parametrize("name", ["temporal", "warehouse", "read_copy", "operational", "s3", "kms"])
def test_whatever_a_webhook_needs_explains_that_it_is_late_also_when_it_is_unknown(name: str) -> None:
    for health in (Health.DOWN, Health.UNKNOWN):
        remote = RemoteStatus(name=name, health=health)
        assert found(LATE, remotes=(remote,)) == [("webhook.late", Severity.NOTICE)]
    well = RemoteStatus(name=name, health=Health.UP)
    assert found(LATE, remotes=(well,)) == [("webhook.late", Severity.PAGE)]


def test_only_roles_that_post_explain_that_a_webhook_is_late() -> None:
    def with_role(name: str, health: Health) -> list[tuple[str, Severity]]:
        return found(LATE, roles=(RoleStatus(role=name, health=health),))

    assert with_role("batches", Health.DOWN) == [("webhook.late", Severity.NOTICE)]
    assert (
        with_role("batches", Health.UP)
        == with_role("lanes", Health.DOWN)
        == [("webhook.late", Severity.PAGE)]
    )


def test_without_the_operational_stores_answer_no_webhook_is_judged() -> None:
    assert list(webhook_problems(LookFacts(at=NOW, org="o", remotes=()))) == []
