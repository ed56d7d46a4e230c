"""Activities of retention: find what is due, and do it."""

from collections.abc import Callable
from typing import Any

from activities.retention.steps import RetentionSteps
from clients.retention.parts import RetentionParts


def activities(parts: RetentionParts) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`: their work is long and not urgent."""
    steps = RetentionSteps(parts)
    return [steps.plan_retention, steps.do_retention]
