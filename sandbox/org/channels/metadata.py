"""An administrator's event setup: custom channels, their members, managed subscriptions; checked,
kept, listed.

Each is a Tooling API object that is written whole, as `FullName` and `Metadata` (Tooling API,
"PlatformEventChannel", "PlatformEventChannelMember", "ManagedEventSubscription"). Where the
documentation does not word a refusal, the wording is ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.org.channels import metadata_checks as checks
from sandbox.org.channels.registry import MEMBER_PREFIX, STANDARD_CHANNEL, Channels
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.schema.ids import IdMaker
from schemas.salesforce.limits import CUSTOM_CHANNELS_MAX, MANAGED_SUBSCRIPTIONS_MAX

CHANNEL = "PlatformEventChannel"
MEMBER = "PlatformEventChannelMember"
MANAGED = "ManagedEventSubscription"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one of the objects is kept."""

    table: str
    key_prefix: str
    maximum: int | None
    """How many an org may have; None is without limit."""
    columns: Callable[[str, Mapping[str, Any]], dict[str, object]]
    """FullName and Metadata, checked, as columns beside `id` and `name`; raises `SalesforceError`.
    """
    rows: Callable[[], list[dict[str, object]]]


class EventMetadata:
    """Writes these objects and lists them as rows of Tooling queries."""

    def __init__(self, store: Store, channels: Channels) -> None:
        self._connection = store.connection
        self._channels = channels
        self._kinds = {
            CHANNEL: _Kind(
                "sandbox_channels", "0YL", CUSTOM_CHANNELS_MAX, self._channel_columns, self._channel_rows
            ),
            MEMBER: _Kind(
                "sandbox_channel_members", MEMBER_PREFIX, None, self._member_columns, self._member_rows
            ),
            MANAGED: _Kind(
                "sandbox_managed_subscriptions",
                "18x",
                MANAGED_SUBSCRIPTIONS_MAX,
                self._managed_columns,
                self._managed_rows,
            ),
        }

    def __contains__(self, object_name: str) -> bool:
        return object_name in self._kinds

    @property
    def providers(self) -> dict[str, Callable[[], Sequence[Mapping[str, object]]]]:
        """Rows by object, for Tooling queries; `Metadata` is JSON text."""
        return {name: kind.rows for name, kind in self._kinds.items()}

    def row(self, object_name: str, record_id: str) -> dict[str, object]:
        """One of them; raises NOT_FOUND."""
        return (
            next((row for row in self._kinds[object_name].rows() if row["Id"] == record_id), None) or _gone()
        )

    def create(self, object_name: str, body: Mapping[str, Any]) -> str:
        """Make one; returns its id."""
        kind = self._kinds[object_name]
        name, metadata = checks.full_name(body), checks.metadata(body)
        count = self._connection.execute(f'SELECT count(*) FROM "{kind.table}"').fetchone()[0]
        if kind.maximum is not None and count >= kind.maximum:
            message = f"You have reached the maximum of {kind.maximum} {object_name} records for your org."
            raise SalesforceError("LIMIT_EXCEEDED", message)
        columns = kind.columns(name, metadata)
        taken = self._connection.execute(f'SELECT 1 FROM "{kind.table}" WHERE name = ?', (name,)).fetchone()
        if taken is not None:
            raise checks.duplicate(name)
        last = self._connection.execute(f'SELECT max(id) FROM "{kind.table}"').fetchone()[0]
        values = {"id": IdMaker(kind.key_prefix, last).next(), "name": name, **columns}
        marks = ", ".join("?" for _ in values)
        self._connection.execute(
            f'INSERT INTO "{kind.table}" ({", ".join(values)}) VALUES ({marks})', tuple(values.values())
        )
        if columns.get("channel") == STANDARD_CHANNEL:
            self._channels.select(str(columns["entity"]))
        self._channels.reload()
        return str(values["id"])

    def update(self, object_name: str, record_id: str, body: Mapping[str, Any]) -> None:
        """Replace one's metadata; its name, and what a member selects, stay."""
        kind = self._kinds[object_name]
        row = self.row(object_name, record_id)
        name = checks.full_name({"FullName": row["FullName"], **body})
        if name != row["FullName"]:
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION", "FullName can't be updated", fields=["FullName"]
            )
        metadata = checks.metadata(body)
        if object_name == MEMBER:
            checks.unmoved(orjson.loads(str(row["Metadata"])), metadata)
        columns = kind.columns(name, metadata)
        changes = ", ".join(f"{column} = ?" for column in columns)
        self._connection.execute(
            f'UPDATE "{kind.table}" SET {changes} WHERE id = ?', (*columns.values(), record_id)
        )
        self._channels.reload()

    def delete(self, object_name: str, record_id: str) -> None:
        """Forget one; a channel takes its members with it."""
        row = self.row(object_name, record_id)
        if object_name == MEMBER and row["EventChannel"] == STANDARD_CHANNEL:
            self._channels.deselect(self._channels.by_event_name[str(row["SelectedEntity"])])
        if object_name == CHANNEL:
            self._connection.execute(
                "DELETE FROM sandbox_channel_members WHERE channel = ?", (row["FullName"],)
            )
        self._connection.execute(f'DELETE FROM "{self._kinds[object_name].table}" WHERE id = ?', (record_id,))
        self._channels.reload()

    # --- columns

    def _channel_columns(self, name: str, metadata: Mapping[str, Any]) -> dict[str, object]:
        checks.only(metadata, CHANNEL, ("channelType", "label", "eventType"))
        checks.channel_name(name)
        kind = checks.text(metadata, "channelType")
        if kind != "data":
            message = f"Channels of type {kind} are not built in this sandbox; see docs/sandbox.md"
            raise SalesforceError("NOT_BUILT", message, 501)
        return {"label": checks.text(metadata, "label")}

    def _member_columns(self, name: str, metadata: Mapping[str, Any]) -> dict[str, object]:
        known = ("eventChannel", "selectedEntity", "filterExpression", "enrichedFields")
        checks.only(metadata, MEMBER, known)
        channel, event = checks.text(metadata, "eventChannel"), checks.text(metadata, "selectedEntity")
        entity = self._channels.by_event_name.get(event)
        if entity is None:
            raise checks.invalid("selectedEntity", event)
        if self._channels.find(f"/data/{channel}") is None or channel in self._channels.by_event_name:
            raise checks.invalid("eventChannel", channel)
        other = self._connection.execute(
            "SELECT name FROM sandbox_channel_members WHERE channel = ? AND entity = ? AND name <> ?",
            (channel, entity, name),
        ).fetchone()
        if other is not None:
            raise checks.duplicate(str(other[0]))
        expression = metadata.get("filterExpression") or None
        enriched = checks.enriched_fields(metadata.get("enrichedFields"))
        self._channels.member(entity, expression, enriched)
        return {
            "channel": channel,
            "entity": entity,
            "filter": expression,
            "enriched": orjson.dumps(enriched).decode(),
        }

    def _managed_columns(self, name: str, metadata: Mapping[str, Any]) -> dict[str, object]:
        checks.only(metadata, MANAGED, checks.MANAGED_FIELDS)
        checks.developer_name(name)
        checked = checks.managed(metadata)
        if self._channels.find(str(checked["topicName"])) is None:
            raise checks.invalid("topicName", checked["topicName"])
        return {"metadata": orjson.dumps(checked).decode()}

    # --- rows

    def _channel_rows(self) -> list[dict[str, object]]:
        found = self._connection.execute("SELECT id, name, label FROM sandbox_channels ORDER BY id")
        return [
            {
                **_common(channel_id, name, name.removesuffix("__chn"), label),
                "ChannelType": "data",
                "Language": "en_US",
                "Metadata": _json({"channelType": "data", "eventType": None, "label": label}),
            }
            for channel_id, name, label in found
        ]

    def _member_rows(self) -> list[dict[str, object]]:
        found = self._connection.execute(
            "SELECT m.id, m.name, m.channel, m.entity, m.filter, m.enriched, c.id FROM sandbox_channel_members m "
            "LEFT JOIN sandbox_channels c ON c.name = m.channel ORDER BY m.id"
        )
        events = {entity: event for event, entity in self._channels.by_event_name.items()}
        return [
            {
                **_common(member_id, name, name, name),
                "EventChannel": channel_id or channel,
                "SelectedEntity": events[entity],
                "FilterExpression": expression,
                "Metadata": _json(
                    {
                        "enrichedFields": [{"name": field} for field in orjson.loads(enriched)],
                        "eventChannel": channel,
                        "filterExpression": expression,
                        "selectedEntity": events[entity],
                    }
                ),
            }
            for member_id, name, channel, entity, expression, enriched, channel_id in found
            if entity in events
        ]

    def _managed_rows(self) -> list[dict[str, object]]:
        found = self._connection.execute(
            "SELECT id, name, metadata FROM sandbox_managed_subscriptions ORDER BY id"
        )
        return [_managed_row(*row) for row in found]


def _managed_row(record_id: str, name: str, text: str) -> dict[str, object]:
    metadata = orjson.loads(text)
    names = ("topicName", "defaultReplay", "errorRecoveryReplay", "state", "version")
    return {
        **_common(record_id, name, name, metadata.get("label")),
        **{f"{key[0].upper()}{key[1:]}": metadata.get(key) for key in names},
        "Metadata": text,
    }


def _common(record_id: str, full_name: str, developer_name: str, label: object) -> dict[str, object]:
    return {
        "Id": record_id,
        "FullName": full_name,
        "DeveloperName": developer_name,
        "MasterLabel": label,
        "ManageableState": "unmanaged",
    }


def _json(metadata: Mapping[str, object]) -> str:
    return orjson.dumps(metadata).decode()


def _gone() -> dict[str, object]:
    raise not_found()
