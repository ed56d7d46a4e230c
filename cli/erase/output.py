"""An erasure on the terminal: what each store held, and the certificate."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.database.erasures import ErasureCertificate
from schemas.erasure.messages import ErasureState, after_pass

_STAGES = ("looking", "erasing", "waiting", "certifying", "done")


def share(state: ErasureState) -> float:
    """How far it is, from 0 to 1. A second pass begins again with the stores."""
    place = _STAGES.index(state.stage) if state.stage in _STAGES else 0
    return 0.5 if state.stage == "erasing" and state.passes else place / (len(_STAGES) - 1)


def words(state: ErasureState) -> str:
    """How far it is, for the end of the bar."""
    taken = sum(each.rewritten for each in (*state.stores, *state.pending))
    return f"{state.stage}, {taken:,} places taken in {state.passes + 1} passes"


def state_page(state: ErasureState) -> RenderableType:
    """A state: whose values, what each store held, and what waits."""
    table = Table("store", "places", "would go" if state.is_dry else "taken", box=None)
    for each in after_pass(state.stores, state.pending):
        table.add_row(each.store, f"{each.places:,}", f"{each.rewritten:,}")
    lines: list[RenderableType] = [Text(f"{state.key}: {state.stage}, {state.records:,} records"), table]
    if state.related:
        related = ", ".join(f"{count:,} {name}" for name, count in state.related.items())
        lines.append(Text(f"records that point to them: {related}; --with-related erases these, too"))
    if state.paused_because:
        lines.append(Text(f"waits: {state.paused_because}"))
    if state.digest:
        lines.append(Text(f"certificate {state.digest}"))
    return Group(*lines)


def certificate_page(found: ErasureCertificate) -> RenderableType:
    """A certificate as text."""
    content: Mapping[str, Any] = found.content
    table = Table("store", "places", "taken", box=None)
    for each in content["stores"]:
        table.add_row(each["store"], f"{each['places']:,}", f"{each['rewritten']:,}")
    verdict = "the content is as it was certified" if found.is_whole else "THE CONTENT WAS ALTERED"
    return Group(
        Text(f"certificate of erasure {found.name}"),
        Text(f"org       {content['org']}"),
        Text(f"records   {', '.join(content['records'])}"),
        Text(f"erased    {content['records_erased']:,} records, related ones included where asked"),
        Text(f"by        {content['by']}"),
        Text(f"reason    {content['reason']}"),
        Text(f"ended     {found.ended_at:%Y-%m-%d %H:%M:%S} UTC after {content['passes']} passes"),
        table,
        Text(f"digest    {found.digest} ({verdict})"),
    )
