"""The rules of records: what a write must satisfy, what it leaves in the tables, and which events
it emits.

A Salesforce transaction is atomic and has one commit number; several of them may share one
SQLite transaction (a *batch*), which is what makes a surge affordable. Events become visible
only after their SQLite transaction has committed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

from sandbox.org.channels.bus import Bus
from sandbox.org.channels.metadata import EventMetadata
from sandbox.org.channels.platform_events import PlatformEvents
from sandbox.org.channels.registry import ChannelAccess, Channels
from sandbox.org.data.calculated import CalculatedFields
from sandbox.org.data.identity import CONNECTED_APP, Identity
from sandbox.org.data.locks import Locks
from sandbox.org.data.operations import Operation
from sandbox.org.data.records import Records
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError, entity_is_deleted, not_found
from sandbox.org.events.event_schema import event_schema
from sandbox.org.faults.clock import Clock
from sandbox.org.faults.dials import Dials
from sandbox.org.faults.faults import Faults
from sandbox.org.limits.meters import Meters
from sandbox.org.permissions.model import Permissions
from sandbox.org.permissions.rights import ADMINISTRATOR, Rights
from sandbox.org.permissions.views import View, view_of
from sandbox.org.schema.setup import OnDelete, load_setup
from sandbox.org.soql.entities import Entities, build_entities
from sandbox.org.state.batch import Batch
from sandbox.org.state.transaction import Transaction
from schemas.salesforce.limits import TRANSACTION_OVERFLOW_CHANGES

_FIRST_COMMIT_NUMBER = 81_000_000_000

_EMPTIED = (
    "sandbox_hard_deletes",
    "sandbox_cascades",
    "sandbox_bulk_jobs",
    "sandbox_channels",
    "sandbox_channel_members",
    "sandbox_deselected",
    "sandbox_platform_events",
    "sandbox_profiles",
    "sandbox_passwords",
    "sandbox_sharing",
    "sandbox_shares",
    "sandbox_managed_subscriptions",
    "sandbox_refresh_tokens",
    "sandbox_grant_sessions",
)


class Org:
    """The org: its records, its bus and its identity. Belongs to one thread."""

    def __init__(self, store: Store, identity: Identity, edition: str) -> None:
        self.store = store
        self.identity = identity
        self.edition = edition
        self.dials = Dials()
        self.faults = Faults()
        self.locks = Locks()
        self.records = {name: Records(store, store.objects[name]) for name in sorted(store.tracked)}
        self.bus = Bus(store)
        self.clock = Clock(store.meta("clock_ms", 0), store.meta("clock_ahead_ms", 0))
        store.seconds = self.clock.seconds
        self.meters = Meters(store, edition, self.clock.seconds)
        self.permissions = Permissions(store, identity)
        self._everything = everything = build_entities(store.objects)
        self._views: dict[str, View] = {}
        self.schema_revision = 0
        """Counts the changes of the schema since this process started."""
        access = ChannelAccess(everything, self.permissions, self.meters, self.faults, self.dials.events)
        self.channels = Channels(store, self.bus, self.records, access)
        self.platform_events = PlatformEvents(
            store, self.meters, self.publish_message, lambda: self.clock.now().stored
        )
        self.channels.platform_events = self.platform_events
        self.channels.reload()
        self.event_metadata = EventMetadata(store, self.channels)
        """Custom channels, their members and managed subscriptions."""
        self.calculated = _calculated(store, everything)
        """By object: how its calculated fields come into events."""
        self._begin_counting()

    def _begin_counting(self) -> None:
        store = self.store
        self.commit_number = store.meta("commit_number", _FIRST_COMMIT_NUMBER)
        self.counts = {name: store.count(name) for name in self.records}
        """Records by object, deleted ones included."""
        self.deleted_counts = {name: store.count(name, deleted_only=True) for name in self.records}
        self.changes_committed = 0
        """Changes since this process started; an event with ten record ids is ten."""
        self.pubsub_streams = 0
        """Streams of the Pub/Sub API that are open."""
        self.child_rules = _child_rules(store)
        """By parent: child object, its reference, and what a delete of the parent does to it."""
        self.overflow_changes = TRANSACTION_OVERFLOW_CHANGES
        """More changes than this in one transaction end in GAP_OVERFLOW; a test may set less."""
        self.lag = Random(1)  # noqa: S311 -- reproducible lags are the point
        """Decides which transactions commit late; see `dials.records.commit_lag_seconds`."""
        self._batch: Batch | None = None
        self._next_replay_id = self.bus.newest + 1

    def create(
        self, object_name: str, fields: Mapping[str, object], *, user: str | None = None, origin: str = ""
    ) -> str:
        """Make one record in a transaction of its own; returns its id. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            return tx.create(object_name, fields)

    def update(
        self,
        object_name: str,
        record_id: str,
        fields: Mapping[str, object],
        *,
        user: str | None = None,
        origin: str = "",
    ) -> None:
        """Change one record in a transaction of its own. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.update(object_name, record_id, fields)

    def delete(self, object_name: str, record_id: str, *, user: str | None = None, origin: str = "") -> None:
        """Move one record to the recycle bin. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.delete(object_name, record_id)

    def undelete(
        self, object_name: str, record_id: str, *, user: str | None = None, origin: str = ""
    ) -> None:
        """Bring one record back from the recycle bin. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.undelete(object_name, record_id)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Let the transactions inside share one SQLite transaction: all of them commit, or none
        when it raises.
        """
        batch, is_new = self.open_batch()
        try:
            yield batch
        except BaseException:
            if is_new:
                self.close_batch(commit=False)
            raise
        if is_new:
            self.close_batch(commit=True)

    def transaction(self, user: str | None = None, origin: str = "") -> Transaction:
        """One Salesforce transaction, as a context. An operation that raises `SalesforceError` has
        done nothing, so the caller may catch it and go on; whatever leaves the block undoes the
        whole transaction, and the batch around it.

        Args:
            user: Id of the user who writes; None is the integration user.
            origin: `changeOrigin` of its events.
        """
        return Transaction(self, user or self.identity.user_id, origin)

    def open_batch(self) -> tuple[Batch, bool]:
        """The batch that is open, or a new one; True when it is new, and so the caller's to
        close.
        """
        if self._batch is not None:
            return self._batch, False
        self._batch = Batch(self)
        return self._batch, True

    def close_batch(self, *, commit: bool) -> None:
        """End the open batch; one that holds half of a failed transaction is rolled back with a
        `RuntimeError`.
        """
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if commit:
            batch.commit()
        else:
            batch.roll_back()

    def emit_gap(self, object_name: str, record_ids: Sequence[str], change: str) -> int:
        """Send a gap event: something happened to the records that the bus cannot tell ("Gap
        Events"). Returns its replay id.

        `change` is CREATE, UPDATE, DELETE or UNDELETE.
        """
        records = self.records_of(object_name)
        with self.batch() as batch:
            return batch.gap(records.shape, change, [records.normalised(each) for each in record_ids])

    def empty_bin(self, older_than: str) -> int:
        """Forget records that went to the recycle bin before that time (as stored); returns how
        many, 0 when none is left.

        A few at a time, so that nobody waits for it. What is known of hard deletes before that
        time is forgotten too.
        """
        with self.batch() as batch:
            return sum(batch.purge(records, older_than) for records in self.records.values())

    def change_outside(
        self, object_name: str, record_ids: Sequence[str], fields: Mapping[str, object]
    ) -> int:
        """Change records past the application, as a job in Salesforce's own database does: only a
        gap event is sent.

        Returns its replay id ("Gap Events").
        """
        records = self.records_of(object_name)
        with self.batch() as batch:
            ids = [records.normalised(each) for each in record_ids]
            for record_id in ids:
                row, is_deleted, _ = records.fetch(record_id, ())
                if is_deleted:
                    raise entity_is_deleted()
                records.write(row, records.for_update(fields), batch.moment.stored)
            return batch.gap(records.shape, "UPDATE", ids)

    def write_raw(
        self, object_name: str, record_id: str, fields: Mapping[str, object], *, touch: bool = True
    ) -> None:
        """Store values whatever they are, without an event; a record that is not there is made. For
        values that no API would take.

        Args:
            object_name: Of an object that can be written.
            record_id: Taken as it is.
            fields: By name; `Id`, IsDeleted and SystemModstamp too.
            touch: False leaves SystemModstamp as it is.
        """
        records = self.records_of(object_name)
        with self.batch() as batch:
            if records.put(record_id, fields, batch.moment.stored, touch=touch):
                self.counts[object_name] += 1

    def reset(self) -> None:
        """Empty the org and end its faults. Identity, sessions, clock and used-up ids stay."""
        connection = self.store.connection
        with self.batch():
            for table in (*self.records, *_EMPTIED, "RecordType"):
                connection.execute(f'DELETE FROM "{table}"')
            self.store.restore_schema()
            self.store.seed()
        self.permissions.reset()
        self.look_again()
        for name in self.records:
            self.take_schema(name)
        self.bus.forget_all()
        self.counts = {name: self.store.count(name) for name in self.records}
        self.deleted_counts = dict.fromkeys(self.deleted_counts, 0)
        self.changes_committed = 0
        self.faults.clear()
        fresh = Dials()
        for family in Dials.model_fields:
            for name, value in getattr(fresh, family).model_dump().items():
                setattr(getattr(self.dials, family), name, value)
        for meter in self.meters.by_name().values():
            meter.set_used(0)
        self.platform_events.reload()
        self.channels.reload()

    def take_schema(self, object_name: str) -> None:
        """Go by the store's fields of the object from now on, everywhere."""
        store, spec = self.store, self.store.objects[object_name]
        self.records[object_name].take(spec, store.defaults.get(object_name, {}))
        self._everything = everything = build_entities(store.objects)
        self._views.clear()
        self.channels.take(spec, everything)
        self.calculated = _calculated(store, everything)
        self.child_rules = _child_rules(store)
        self.schema_revision += 1

    def give_rights(self, rights: Rights, profile: str = ADMINISTRATOR) -> None:
        """Let the users of a profile have these permissions from now on; raises `SalesforceError`
        for one that makes no sense. The integration user is an administrator.
        """
        self.permissions.give(rights, profile)
        self.look_again()

    def look_again(self) -> None:
        """Go by the rights, the profiles, the sharing and the platform events as they are now."""
        self._views.clear()
        self.schema_revision += 1

    @property
    def entities(self) -> Entities:
        """Every object as the APIs show it to the integration user; another one after the schema or
        the permissions have changed.
        """
        return self.view().entities

    @property
    def everything(self) -> Entities:
        """Every object and field, hidden ones too."""
        return self._everything

    def view(self, user: str | None = None) -> View:
        """The org as a user sees it, None: the integration user."""
        name = user or self.identity.user_id
        found = self._views.get(name)
        if found is None:
            found = self._views[name] = view_of(name, self._everything, self.permissions)
        return found

    @property
    def has_persons(self) -> bool:
        """True when accounts may be persons."""
        return any(records.has_persons for records in self.records.values())

    @property
    def is_writing(self) -> bool:
        """True while a batch is open."""
        return self._batch is not None

    @property
    def limit_info(self) -> str:
        """The value of `Sforce-Limit-Info` (REST API Developer Guide, "Limit Info Header")."""
        calls, app = self.meters.api_calls, self.meters.app_calls
        total = f"api-usage={calls.used}/{calls.maximum}"
        if not self.dials.limits.tell_apps:
            return total
        return f"{total}; per-app-api-usage={app.used}/{app.maximum}(appName={CONNECTED_APP})"

    def count_call(self, client_id: str, calls: int = 1) -> None:
        """Count API calls that came by a connected app; raises REQUEST_LIMIT_EXCEEDED."""
        self.meters.api_calls.count(calls)
        if client_id == self.identity.client_id:
            self.meters.app_calls.add(calls)

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once, for everything that counts it; a restart does not bring it
        back.
        """
        self.clock.advance(seconds)
        self.store.set_meta("clock_ahead_ms", self.clock.ahead_ms)

    def publish_message(self, entity: str, message: Callable[[int], bytes]) -> int:
        """Put a message on the bus that is made for its replay id, which is returned."""
        with self.batch() as batch:
            replay_id = self.take_replay_id()
            batch.rows.append((replay_id, entity, batch.moment.epoch_ms, message(replay_id)))
        return replay_id

    def publish_raw(self, entity: str, data: bytes) -> int:
        """Put `data` on the bus exactly as given, but for `$REPLAY_ID`, which becomes the event's
        replay id (returned).
        """
        with self.batch() as batch:
            replay_id = self.take_replay_id()
            batch.rows.append(
                (replay_id, entity, batch.moment.epoch_ms, data.replace(b"$REPLAY_ID", b"%d" % replay_id))
            )
        return replay_id

    def take_replay_id(self) -> int:
        taken = self._next_replay_id
        self._next_replay_id += 1
        return taken

    def skip_replay_id(self) -> None:
        self._next_replay_id += 1

    def reset_counters(self, commit_number: int) -> None:
        """Forget the numbers that a rolled back transaction had taken."""
        self.commit_number = commit_number
        self._next_replay_id = self.bus.newest + 1

    def count(self, operations: Sequence[Operation], changes: int) -> None:
        """Keep the counts that nobody should have to scan a table for. `changes`: those that events
        tell, one a record and transaction.
        """
        self.changes_committed += changes
        for operation in operations:
            name = operation.shape.entity
            if operation.change == "CREATE":
                self.counts[name] += 1
            elif operation.change == "DELETE":
                self.deleted_counts[name] += 1
            elif operation.change == "UNDELETE":
                self.deleted_counts[name] -= 1

    def uncount(self, object_name: str, *, binned: bool) -> None:
        """A record is gone for good; `binned` when it had been in the recycle bin."""
        self.counts[object_name] -= 1
        if binned:
            self.deleted_counts[object_name] -= 1

    def records_of(self, object_name: str) -> Records:
        """The writable object of that name; raises `SalesforceError` for one that is unknown or
        read-only.
        """
        found = self.records.get(object_name)
        if found is not None:
            return found
        if object_name in self.store.objects:
            raise SalesforceError(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type {object_name} cannot be written in this org",
            )
        raise not_found()


def _child_rules(store: Store) -> dict[str, list[tuple[str, str, OnDelete]]]:
    found: dict[str, list[tuple[str, str, OnDelete]]] = {}
    for child, references in load_setup().references.items():
        for reference, on_delete in references.items():
            if child in store.tracked and reference in store.objects[child].fields:
                for parent in store.objects[child].fields[reference].references:
                    found.setdefault(parent, []).append((child, reference, on_delete))
    return found


def _calculated(store: Store, entities: Entities) -> dict[str, CalculatedFields]:
    """Of every object that has some; the schema of the events that carry them is kept like any
    other.
    """
    found: dict[str, CalculatedFields] = {}
    for name in store.tracked:
        entity = entities.find(name)
        fields = [field for field in entity.fields.values() if field.is_calculated] if entity else []
        if fields:
            made = found[name] = CalculatedFields(store.objects[name], fields, store.connection)
            store.connection.execute(
                "INSERT OR IGNORE INTO sandbox_event_schemas VALUES (?, ?, ?)",
                (made.shape.schema, name, event_schema(made.spec)),
            )
    return found
