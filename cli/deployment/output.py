"""Versions of the workers on the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.temporal.task_queues import QUEUES
from schemas.deployment import DeploymentStatus, VersionStatus

_ROLES = ("lanes", "batches", "backfill", "writebacks")


def deployment_page(found: DeploymentStatus) -> RenderableType:
    """A line a version, the newest first."""
    if not found.versions:
        return Text(f"no worker has joined {found.name}")
    table = Table("version", "state", "since (UTC)", *_ROLES, "pinned runs", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    for each in found.versions:
        began = "" if each.began_at is None else f"{each.began_at:%Y-%m-%d %H:%M}"
        counts = (_workers(each, role) for role in _ROLES)
        table.add_row(each.build_id, _state(found, each), began, *counts, f"{each.pinned_runs:,}")
    return Group(Text(found.name), table)


def _state(found: DeploymentStatus, version: VersionStatus) -> str:
    if version.build_id == found.ramping:
        return f"ramping, {found.ramp_percentage:g} %"
    return version.state


def _workers(version: VersionStatus, role: str) -> str:
    """Processes of a role: as many as poll each of its queues."""
    return str(min(version.pollers.get(queue, 0) for queue, (_, of) in QUEUES.items() if of == role))
