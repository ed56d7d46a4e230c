"""Problems of webhooks."""

from collections.abc import Iterator

from schemas.status import Health, Problem, Severity
from schemas.status_facts import LookFacts
from schemas.webhook.limits import FAILING_AFTER, LATE_AFTER, MOST_HELD, PAGE_CHANGES
from schemas.webhook.messages import WebhookState
from schemas.webhook.status_facts import WebhookStanding
from transforms.status.problem import problem

_REMOTES = frozenset({"temporal", "warehouse", "read_copy", "operational", "s3", "kms"})
"""Without one of them nothing is posted."""


def webhook_problems(facts: LookFacts) -> Iterator[Problem]:
    """Those of every webhook."""
    for each in facts.writebacks.webhooks if facts.writebacks else ():
        if each.dead:
            text = f"{each.dead:,} changes were refused for too long, and are not posted again"
            yield problem(
                "webhook.dead", text, f"tidegate webhook dead-letters {each.name}", subject=each.name
            )
        if each.state is WebhookState.ACTIVE:
            yield from _active(each, facts)
        else:
            code = "webhook.paused" if each.state is WebhookState.PAUSED else "webhook.disabled"
            remedy = f"tidegate webhook resume {each.name}"
            yield problem(code, each.because, remedy, subject=each.name, since=each.changed_at)


def _active(each: WebhookStanding, facts: LookFacts) -> Iterator[Problem]:
    since, name = each.failing_since, each.name
    if since is not None and facts.at - since > FAILING_AFTER:
        text = f"its receiver takes nothing: {each.failure}"
        yield problem("webhook.failing", text, f"tidegate webhook test {name}", subject=name, since=since)
        return
    if each.held + PAGE_CHANGES > MOST_HELD:
        text = f"{each.held:,} changes are held, which is the most, so the others wait, too"
        remedy = f"tidegate webhook test {name}; have the receiver say what it refuses"
        yield problem("webhook.failing", text, remedy, subject=name, since=since)
        return
    yield from _late(each, facts)


def _late(each: WebhookStanding, facts: LookFacts) -> Iterator[Problem]:
    if each.through is None or facts.at - each.through <= LATE_AFTER or each.failing_since is not None:
        return
    moved_at = max(filter(None, (each.delivered_at, each.changed_at)))
    moves = facts.at - moved_at <= LATE_AFTER
    text = "it is behind, and catches up" if moves else "nobody posts its changes"
    remedy = "tidegate status; see the writebacks role" if not moves else "tidegate webhook list"
    severity = Severity.NOTICE if _is_explained(facts) else Severity.TICKET if moves else None
    yield problem("webhook.late", text, remedy, subject=each.name, severity=severity, since=each.through)


def _is_explained(facts: LookFacts) -> bool:
    """True when another problem says why nothing is posted."""
    if any(each.name in _REMOTES and each.health is not Health.UP for each in facts.remotes):
        return True
    missing = {each.role for each in facts.roles or () if each.health is Health.DOWN}
    return bool(missing & {"writebacks", "batches"})
