"""An open writeback batch: its entries in plaintext, the records as read, and its cost so far. In
memory only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.writeback.change_log import Log
from clients.salesforce.call_count import CallCount
from clients.salesforce.write_window import Stopwatch
from clients.writeback.batches import StoredBatch
from schemas.catalogue import FieldType, ObjectSpec, relationship_name
from transforms.writeback.equality import paths
from transforms.writeback.facts import LoggedChange, SeenRecord, ToSend


@dataclass
class BatchInHand:
    """An open batch."""

    batch: StoredBatch
    spec: ObjectSpec
    key_field: str
    entries: list[ToSend]
    seen: Mapping[str, SeenRecord] = field(default_factory=dict)
    """External id -> the record."""
    count: CallCount = field(default_factory=CallCount)
    watch: Stopwatch = field(default_factory=Stopwatch)
    """Since the batch was marked as sent."""

    @property
    def records(self) -> set[str]:
        return {entry.record for entry in self.entries}

    @property
    def external_ids(self) -> list[str]:
        return [entry.external_id for entry in self.entries]

    @property
    def asked_fields(self) -> list[str]:
        """The values to write or compare; of a parent by its external id both the reference, which
        an undo restores, and that id.

        A field that the org has no more is for the org to refuse.
        """
        named = [pair for entry in self.entries for pair in (*entry.fields.items(), *entry.only_if.items())]
        references = self.references
        stored = {references.get(name, name) for name, _ in named} & self.spec.fields.keys()
        compared = {path for name, value in named for path in paths(self.spec, name, value)}
        held = {name for name, each in self.spec.fields.items() if each.held}
        return sorted((stored | compared) - held)

    @property
    def references(self) -> dict[str, str]:
        """Relationship -> the field that holds the parent's id."""
        return {
            relationship: name
            for name, each in self.spec.fields.items()
            if each.type is FieldType.REFERENCE and (relationship := relationship_name(name)) is not None
        }


def logged(log: Log, record: SeenRecord | None) -> list[LoggedChange]:
    """The log's facts about a record; none for an unknown one."""
    return [] if record is None else log.get(record.record_id, [])
