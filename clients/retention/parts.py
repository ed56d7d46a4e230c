"""The stores that retention works on, opened once for a process or a command."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from clients.retention.archive import Archive
from clients.retention.lifecycle import Lifecycle
from clients.retention.needed_batches import NeededBatches
from clients.retention.removal import Removal
from clients.retention.sources import Source, WarehouseSource, warehouse_sources
from clients.retention.store_source import StoreSource
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue
from schemas.errors import TerminalError
from schemas.security.retention import PREFIX_RULES, PrefixRule, RetentionPolicy
from transforms.pii import Protector

_KNOWN_SECONDS = 60
"""A task a month does not look up every column of the warehouse again."""


@dataclass(frozen=True)
class RetentionParts:
    """The stores that retention looks after. `replace` one of them in tests."""

    org: str
    policy: RetentionPolicy
    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue
    archive: Archive
    lifecycle: Lifecycle
    stored: tuple[StoreSource, ...] = ()
    """The tables of the operational store."""
    protector: Protector | None = None
    """Of the org's data keys. None = no rows are compared or folded, as by a command that looks."""
    _known: dict[str, tuple[float, list[Source]]] = field(default_factory=dict, compare=False, repr=False)

    def close(self) -> None:
        """Give the connections back; those of the warehouse are its owner's."""
        self.archive.keys.close()
        for source in self.stored:
            source.close()

    def rules(self) -> list[PrefixRule]:
        """The prefix rules with the settings' months of raw."""
        return [
            rule.model_copy(update={"keep_months": self.policy.raw_months}) if rule.name == "raw" else rule
            for rule in PREFIX_RULES
        ]

    def removal(self, name: str) -> Removal:
        """The objects of one rule."""
        rule = next((rule for rule in self.rules() if rule.name == name), None)
        if rule is None:
            raise TerminalError(f"There is no rule {name!r} by which objects are removed.")
        return Removal(self.store, NeededBatches(self.store, self.warehouse, self.org), rule, self.org)

    def sources(self) -> Sequence[Source]:
        """The tables whose months are archived, with the columns that they had some seconds ago."""
        known = self._known.get("sources")
        if known is None or time.monotonic() - known[0] > _KNOWN_SECONDS:
            own = self.warehouse.with_copy()[-1]
            found: list[Source] = [*warehouse_sources(own, self.catalogue)]
            found += self.stored
            known = (time.monotonic(), found)
            self._known["sources"] = known
        return known[1]

    def source(self, name: str) -> Source:
        """One of them; raises `TerminalError`."""
        found = next((each for each in self.sources() if each.name == name), None)
        if found is None:
            raise TerminalError(
                f"The catalogue has no object of the table {name}, whose months are archived. Put it back, or leave "
                "its rows where they are."
            )
        return found

    def change_log(self, name: str) -> WarehouseSource:
        """A source that is a change log; raises `TerminalError`."""
        found = self.source(name)
        if not isinstance(found, WarehouseSource) or found.spec is None:
            raise TerminalError(f"{name} is no change log.")
        return found
