"""Activities of apply: stage a batch, and apply it to the warehouse unless its object is held."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from activities.apply.applier import Applier
from activities.apply.copied_commit import Commits, CopiedCommit
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.apply.turn_commit import TurnCommit
from clients.dependencies import Clients


def activities(
    clients: Clients, *, personal_sample: int = 0, turn_seconds: float = 0
) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`. `personal_sample`: as of `BatchActivities`. `turn_seconds`: as of
    `TurnCommit`; 0 = each object's batches are committed as they come.
    """
    commits = _commits(clients, turn_seconds)
    batches = BatchActivities(clients.store, clients.catalogue, commits, clients.protector, personal_sample)
    return [batches.stage_batch, batches.apply_objects, batches.apply_batch]


def _commits(clients: Clients, turn_seconds: float) -> Commits:
    *copies, own = (
        Applier(each, clients.store, clients.catalogue, clients.protector, books=clients.warehouse)
        for each in clients.warehouse.with_copy()
    )
    commits = TurnCommit(own.apply_turn, turn_seconds) if turn_seconds else GroupCommit(own.apply)
    # PostgreSQL commits an object's batches as they come: the copy waits for no turn.
    copied = [GroupCommit(replace(each, is_copy=True).apply) for each in copies]
    return CopiedCommit([*copied, commits]) if copied else commits
