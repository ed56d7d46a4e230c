"""tidegate writeback submit --dry-run: what writebacks would do to the records as they are now.
Nothing is accepted.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from activities.writeback import preview_steps
from cli.output import OUT, print_json
from cli.writeback.output import shown_text
from clients.storage.objects import ObjectStore
from clients.writeback.intake import WritebackIntake
from schemas.catalogue import Catalogue
from schemas.writeback.messages import Intake, RefusedWriteback
from schemas.writeback.preview import FieldDifference, Preview, PreviewEffect, WouldBe
from transforms.pii import Protector
from transforms.writeback.batching import BatchingConfig
from workers.addresses import s3_address
from workers.clients import connect_temporal, open_warehouse
from workers.salesforce import open_org
from workers.security.keys import open_key_ring
from workers.settings import Settings

_SHOWN = 20


class DryRun:
    """Takes writebacks in the place of the store."""

    def __init__(self, intake: WritebackIntake) -> None:
        self._intake = intake
        self._taken = 0
        self.rows: list[dict[str, Any]] = []
        self.refused: list[RefusedWriteback] = []

    def take(self, items: Sequence[Any]) -> Intake:
        """Some more; answers only what would be refused."""
        rows, refused = self._intake.prepare(items)
        self.rows += [{**row, "index": self._taken + row["index"]} for row in rows]
        self.refused += [each.model_copy(update={"index": self._taken + each.index}) for each in refused]
        self._taken += len(items)
        return Intake(accepted=(), refused=refused)

    def look(self, settings: Settings, catalogue: Catalogue) -> Preview:
        """Read the org, and say what they would do."""
        found = asyncio.run(_preview(settings, catalogue, self.rows))
        return found.model_copy(update={"refused": tuple(self.refused)})


def tell(found: Preview, *, as_json: bool) -> None:
    """Show a dry run."""
    print_json(found.model_dump(mode="json")) if as_json else OUT.print(preview_page(found))


def preview_page(found: Preview) -> RenderableType:
    """The page for a person: counts, costs, refusals, and the first differences."""
    counts = {
        effect: sum(1 for each in found.writebacks if each.effect is effect) for effect in PreviewEffect
    }
    listed = ", ".join(f"{count:,} {effect.replace('_', ' ')}" for effect, count in counts.items() if count)
    head = f"{len(found.writebacks):,} writebacks: {listed or 'none'}; {len(found.refused):,} refused. Nothing was accepted; {found.calls} calls to look."
    lines = [Text(head)]
    for cost in found.costs:
        shared = f"; {cost.sharing:,} lock {cost.parents:,} records together" if cost.parents else ""
        lines.append(
            Text(
                f"{cost.object}: {cost.calls:,} calls, {cost.batches:,} batches, the first by {cost.carrier}{shared}"
            )
        )
    lines += [Text(f"{each.index}: {each.field}: {each.message}") for each in found.refused[:_SHOWN]]
    table = Table("", "key", "effect", "record", "what", box=None)
    for each in found.writebacks[:_SHOWN]:
        table.add_row(
            *map(Text, (str(each.index), each.key, each.effect, each.record_id or "", _words(each)))
        )
    more = len(found.writebacks) - _SHOWN
    rest = [Text(f"… and {more:,} more: --json lists all")] if more > 0 else []
    return Group(*lines, table, *rest) if found.writebacks else Group(*lines)


def _words(each: WouldBe) -> str:
    parts = [
        each.why,
        *map(_difference, each.differences),
        *(f"likely refused: {text}" for text in each.warnings),
    ]
    return "; ".join(filter(None, parts))


def _difference(each: FieldDifference) -> str:
    if each.is_hidden:
        return f"{each.field} differs"
    return f"{each.field}: {shown_text(each.now) or 'empty'} -> {shown_text(each.then) or 'empty'}"


async def _preview(settings: Settings, catalogue: Catalogue, rows: list[dict[str, Any]]) -> Preview:
    store = await asyncio.to_thread(ObjectStore, s3_address(settings.s3))
    with closing(open_warehouse(settings)) as warehouse:
        keys = await asyncio.to_thread(open_key_ring, settings, store, warehouse, catalogue)
    client = await connect_temporal(settings)
    async with open_org(client, settings) as opened:
        batching = BatchingConfig(linger=settings.writeback.linger)
        steps = preview_steps(store, opened, catalogue, Protector(keys, catalogue), batching)
        return await steps.preview(rows)
