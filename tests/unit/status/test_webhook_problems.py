"""Problems of webhooks: late without a receiver's fault pages, a receiver's fault is a ticket, and
what another problem explains is a notice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.status import Health, RemoteStatus, RoleStatus, Severity
from schemas.status_facts import LookFacts
from schemas.webhook.messages import WebhookState
from schemas.webhook.status_facts import WebhookStanding
from schemas.writeback.status_facts import WritebackFacts
from transforms.status.webhooks import webhook_problems

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def found(standing: dict[str, Any], **facts: Any) -> list[tuple[str, Severity]]:
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
    return [(each.code, each.severity) for each in webhook_problems(look)]


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
