"""Asks the org which objects are selected for change events, and on which channels (Tooling API,
"PlatformEventChannelMember").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clients.doctor.org_rights import rows
from clients.salesforce.http import OrgHttp
from schemas.doctor import CheckResult, ok, warning, wrong
from schemas.settings.ingest import StreamTransport

STANDARD = "ChangeEvents"
_CUSTOM = "__chn"
_MEMBERS = (
    "SELECT DeveloperName, EventChannel, SelectedEntity, FilterExpression FROM PlatformEventChannelMember"
)
_CHANNELS = "SELECT Id, DeveloperName FROM PlatformEventChannel"
_SELECT = "Setup > Change Data Capture > move {} to Selected Entities > Save."


@dataclass(frozen=True)
class Streamed:
    """An object, and the channel by which a lane follows it."""

    name: str
    event: str
    """Of its change event: CaseChangeEvent."""
    channel: str
    """As the lane has it: /data/ChangeEvents."""
    transport: StreamTransport = "pubsub"
    """The lane's protocol."""


@dataclass(frozen=True)
class Selection:
    """The objects that the org has selected for change events."""

    filters: Mapping[tuple[str, str], str | None]
    """(channel, event) -> the member's filter; None = no filter."""
    channels: frozenset[str]
    """Custom channels, where they were asked for."""

    def objects(self) -> frozenset[str]:
        """The objects that some channel tells of: Case for CaseChangeEvent, Thing__c for
        Thing__ChangeEvent.
        """
        bare = {event.removesuffix("ChangeEvent") for _, event in self.filters}
        return frozenset(f"{name}c" if name.endswith("__") else name for name in bare)


async def examine_selection(org: OrgHttp, streamed: list[Streamed]) -> list[CheckResult]:
    """Check that every streamed object is selected on its lane's channel. One API call; two where a
    lane follows a custom channel.
    """
    if not streamed:
        return [ok("salesforce.cdc", "no object is streamed")]
    custom = any(each.channel.endswith(_CUSTOM) for each in streamed)
    selected = await read_selection(org, custom=custom)
    found = []
    for channel in sorted({each.channel for each in streamed}):
        bare = channel.removeprefix("/data/")
        if bare.endswith(_CUSTOM) and bare not in selected.channels:
            remedy = (
                f"Create it: POST /services/data/v{org.api_version}/tooling/sobjects/PlatformEventChannel with "
                f'{{"FullName": "{bare}", "Metadata": {{"channelType": "data", "label": "…"}}}}; or correct TIDEGATE_LANES.'
            )
            found.append(
                wrong("salesforce.channel_missing", f"the org has no channel {bare}", remedy, where=channel)
            )
    for each in streamed:
        found += _of_object(each, selected, org.api_version)
    return found or [ok("salesforce.cdc", f"{', '.join(each.name for each in streamed)} are selected")]


def _of_object(streamed: Streamed, selected: Selection, version: str) -> list[CheckResult]:
    bare = streamed.channel.removeprefix("/data/")
    if bare.endswith(_CUSTOM) and bare not in selected.channels:
        return []  # the channel's own finding says it
    channel = bare if bare.endswith(_CUSTOM) else STANDARD
    key = (channel, streamed.event)
    if key not in selected.filters:
        if channel == STANDARD:
            remedy = _SELECT.format(streamed.name)
        else:
            remedy = (
                f"POST /services/data/v{version}/tooling/sobjects/PlatformEventChannelMember with "
                f'{{"FullName": "{channel.removesuffix(_CUSTOM)}_{streamed.event}", "Metadata": {{"eventChannel": "{channel}", '
                f'"selectedEntity": "{streamed.event}"}}}}.'
            )
        told = f"{streamed.event} is no member of {channel}, so no change of {streamed.name} is sent"
        return [wrong("salesforce.cdc_not_selected", told, remedy, where=streamed.name)]
    if selected.filters[key]:
        remedy = "Take the filter off the member, unless the records that it leaves out are polled: reconcile would repair them forever."
        told = f"{channel} tells changes of {streamed.name} only where {selected.filters[key]}"
        return [warning("salesforce.channel_filtered", told, remedy, where=streamed.name)]
    return []


async def read_selection(org: OrgHttp, *, custom: bool) -> Selection:
    """Every member of every channel; one API call, two with `custom`: then custom channels go by
    their names, else by their ids.
    """
    names: dict[str, str] = {}
    if custom:
        listed = await rows(org, _CHANNELS, tooling=True)
        names = {str(row["Id"])[:15]: f"{row['DeveloperName']}{_CUSTOM}" for row in listed}
    filters: dict[tuple[str, str], str | None] = {}
    for row in await rows(org, _MEMBERS, tooling=True):
        channel = str(row.get("EventChannel") or STANDARD)
        filters[names.get(channel[:15], channel), _event(row)] = row.get("FilterExpression")
    return Selection(filters, frozenset(names.values()))


def _event(row: Mapping[str, Any]) -> str:
    """The event's name. Of a custom object some orgs give an id; the member's own name then ends
    with it.
    """
    selected = str(row.get("SelectedEntity") or "")
    if selected.endswith("ChangeEvent"):
        return selected
    tail = str(row.get("DeveloperName") or "").removeprefix(f"{STANDARD}_")
    return tail if tail.endswith("__ChangeEvent") else tail.replace("_ChangeEvent", "__ChangeEvent")
