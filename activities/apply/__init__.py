"""Activities of apply: stage a batch, and apply it to the warehouse unless its object is held."""

from collections.abc import Callable
from typing import Any

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from clients.dependencies import Clients


def activities(clients: Clients) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`."""
    applier = Applier(clients.warehouse, clients.store, clients.catalogue)
    batches = BatchActivities(clients.store, clients.catalogue, GroupCommit(applier.apply), clients.protector)
    return [batches.stage_batch, batches.apply_batch]
