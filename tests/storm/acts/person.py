"""Persons who are erased in the middle of a storm, and the search for what is left of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas import names
from schemas.ids import chain_prefix
from schemas.ingest.raw import Manifest
from schemas.security.erasure import ErasureInput
from schemas.security.ids import erasure_workflow_id
from tests.storm.plan import Act
from tests.storm.users import Users
from tests.support.builders.laid_open import TokenOpener, laid_open

if TYPE_CHECKING:
    from tests.storm.world import World


class Persons:
    """Records whose values somebody wants gone."""

    def __init__(self, world: "World", users: Users) -> None:
        self._world = world
        self._users = users
        self._changed: set[str] = set()

    def erase(self, act: Act) -> None:
        """Ask for the erasure of one of the users' records, whatever is under way of it."""
        record_id = self._users.record(act.number)
        if record_id is not None and record_id not in self._world.erased:
            self._world.erased.add(record_id)
            self._world.loop.world_task(self._ask(record_id))

    def change_again(self) -> bool:
        """Change each erased record once more, when its erasure is over: what comes of it must be
        erased as it lands. False when that was done, or nobody was erased.
        """
        fresh = self._world.erased - self._changed
        self._changed |= fresh
        for place, record_id in enumerate(sorted(fresh)):
            self._users.change(record_id, Act(0.0, "after", place))
        return bool(fresh)

    def left(self) -> Iterator[str]:
        """Places that hold a word that users have ever said of an erased record."""
        words = {word for each in self._world.erased for word in self._users.said[each]}
        if not words:
            return
        catalogue = self._world.decided
        opener = TokenOpener(self._world.guard(catalogue), catalogue)
        for place, body in self._kept():
            told = body.decode(errors="replace") + opener.behind(body)
            for word in sorted(words):
                if word in told:
                    yield f"{place} has {word!r}"

    async def _ask(self, record_id: str) -> None:
        org = self._world.org.org_id
        asked = ErasureInput(org=org, key=f"e-{record_id}", records=(record_id,), by="storm", reason="asked")
        await self._world.ask(names.ERASURE_WORKFLOW, asked, erasure_workflow_id(org, asked.key))

    def _kept(self) -> Iterator[tuple[str, bytes]]:
        """Objects and tables. A raw file of no batch stays for an hour, so it is left out: somebody
        might be making a batch of it.
        """
        objects, database = self._world.objects, self._world.parts.database
        manifests = objects.keys(chain_prefix(self._world.org.org_id))
        of_batches = {Manifest.model_validate_json(objects.body(key)).raw_key for key in manifests}
        for key in objects.keys(""):
            if not key.startswith("raw/") or key in of_batches:
                yield key, laid_open(objects.body(key))
        for table in database.full_tables():
            rows = database.rows(f"SELECT t::text FROM {table} AS t")
            yield table, "\n".join(row for (row,) in rows).encode()
