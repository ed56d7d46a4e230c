"""Activities of replay: select landed batches, stage them again and apply them."""

from collections.abc import Callable
from typing import Any

from activities.replay.replay import ReplaySteps
from clients.dependencies import Clients
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from transforms.replay.reencrypt import Reprotector


def activities(clients: Clients, open_shadow: Callable[[str], Warehouse]) -> list[Callable[..., Any]]:
    """For `names.REPLAY_QUEUE`. `open_shadow` gives the warehouse of a shadow by its name."""
    reprotector = Reprotector(clients.protector, clients.catalogue)
    if isinstance(clients.catalogue, LiveCatalogue):
        clients.catalogue.when_changed(reprotector.reload)
    steps = ReplaySteps(
        clients.store, clients.warehouse, clients.catalogue, reprotector, clients.protector, open_shadow
    )
    return [steps.size_replay, steps.find_batches, steps.redrive_batches]
