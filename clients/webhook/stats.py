"""Webhooks as they stand, in one query: for a look at the engine."""

import sqlalchemy as sa

from clients.webhook.tables import WEBHOOK, WEBHOOK_CURSOR, WEBHOOK_HELD
from schemas.webhook.messages import HeldState
from schemas.webhook.status_facts import WebhookStanding

_HOOK, _HELD, _CURSOR = WEBHOOK.c, WEBHOOK_HELD.c, WEBHOOK_CURSOR.c
_OWN = (
    _HOOK.name,
    _HOOK.state,
    _HOOK.because,
    _HOOK.changed_at,
    _HOOK.delivered_at,
    _HOOK.failing_since,
    _HOOK.failure,
)


def webhook_standings(connection: sa.Connection) -> tuple[WebhookStanding, ...]:
    """Every webhook, by name."""
    through = sa.select(sa.func.min(_CURSOR.through)).where(_CURSOR.webhook == _HOOK.name)
    query = sa.select(
        *_OWN,
        through.scalar_subquery().label("through"),
        _count(HeldState.HELD).label("held"),
        _count(HeldState.DEAD).label("dead"),
    ).order_by(_HOOK.name)
    return tuple(WebhookStanding.model_validate(dict(row)) for row in connection.execute(query).mappings())


def _count(state: HeldState) -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).where(_HELD.webhook == _HOOK.name, _HELD.state == state)
    return counted.scalar_subquery()
