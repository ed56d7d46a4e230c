"""Shared by the REST handlers: the org, its objects as the API shows them, the open cursors, the
quota.
"""

import copy
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.org.queries.cursors import Cursors
from sandbox.org.queries.readers import Readers
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.soql.functions import register_functions
from sandbox.org.state.dml import Dml
from sandbox.org.state.org import Org
from sandbox.org.state.record_types import RecordTypes
from sandbox.org.tooling.model import Tooling

Addresses = Sequence[tuple[re.Pattern[str], Mapping[str, Callable[[Any], Awaitable[Response]]]]]
"""Pattern of the path below `/services/data/vXX.X`, and handler by method."""


class RestService:
    """One per process."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._user: str | None = None
        self.dml = Dml(org)
        self.readers = Readers(org)
        # An all-or-none composite runs its queries on the writer's connection.
        register_functions(org.store.connection)
        self.cursors = Cursors()
        self.tooling = Tooling(org)
        self.streaming_clients: Callable[[], int] = lambda: 0
        """How many CometD clients there are now."""
        self._schema_seen = -1
        self._schema_changed_at = datetime.fromtimestamp(0, UTC)
        self.addresses: Addresses = ()
        """Every address with its handlers, in order; a composite finds its subrequests' here."""

    @property
    def entities(self) -> Entities:
        """Every object as the API shows it to the user now."""
        return self.org.view(self._user).entities

    def as_user(self, user: str) -> "RestService":
        """The service as a user has it: what is shared stays shared, and the user's rights
        count.
        """
        if user == self.org.identity.user_id:
            return self
        own = copy.copy(self)
        own._user, own.dml = user, Dml(self.org, user)
        return own

    def entity(self, name: str) -> Entity:
        """The object of that name in a path; raises NOT_FOUND."""
        return self.dml.entity(name)

    @property
    def schema_changed_at(self) -> datetime:
        """When an object or field last changed, to the second: what `Last-Modified` of a describe
        says.

        The org remembers a checksum of its schema, so a restart with the same catalogue changes
        nothing.
        """
        if self._schema_seen != self.org.schema_revision:
            self._schema_changed_at = self._find_schema_change()
            self._schema_seen = self.org.schema_revision
        return self._schema_changed_at

    def _find_schema_change(self) -> datetime:
        store = self.org.store
        described: dict[str, object] = {
            name: spec.model_dump(mode="json") for name, spec in store.objects.items()
        }
        described["events"] = [each.model_dump(mode="json") for each in self.org.platform_events]
        described["permissions"] = self.org.permissions.everything()
        described["types"] = {
            name: [each.id for each in RecordTypes(self.org).of(name)] for name in store.tracked
        }
        checksum = zlib.crc32(orjson.dumps(described, option=orjson.OPT_SORT_KEYS))
        if store.meta("schema_checksum", -1) != checksum:
            # A second has one schema: a client that has seen it must hear of the next.
            last = store.meta("schema_changed_at", 0)
            store.set_meta("schema_changed_at", max(last + 1, int(datetime.now(UTC).timestamp())))
            store.set_meta("schema_checksum", checksum)
        return datetime.fromtimestamp(store.meta("schema_changed_at", 0), UTC)
