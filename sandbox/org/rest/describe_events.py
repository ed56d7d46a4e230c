"""Event objects described: change events with the fields that an event of the object may carry
(Change Data Capture Developer Guide, "Change Event Objects": they can be described, and neither
read nor written), and platform events, which can be published as well (Platform Events Developer
Guide, "Platform Event Fields"; Object Reference of a standard platform event, "Supported Calls":
create(), describeSObjects()).
"""

from collections.abc import Iterator
from typing import Any

from sandbox.org.events.platform_events import CREATED_AT, CREATED_BY, PlatformEvent
from sandbox.org.rest.describe_fields import describe_field
from sandbox.org.rest.service import RestService
from sandbox.org.soql.entities import TEXT_KINDS, Entity, Field

_HEADER = "ChangeEventHeader"
_NO_QUERIES = dict.fromkeys(
    ("updateable", "filterable", "groupable", "sortable", "aggregatable", "idLookup", "unique"), False
) | {"permissionable": False, "externalId": False, "nameField": False}
_REPLAY_ID_CHARACTERS, _UUID_CHARACTERS = 1_000, 36


def is_message(entity: Entity) -> bool:
    """True for a platform event, False for a change event."""
    return entity.name.endswith("__e")


def event_entity(service: RestService, name: str) -> Entity | None:
    """The event object of that name, in any case; None when the user sees none."""
    return next((each for each in event_entities(service, name.lower())), None)


def event_entities(service: RestService, only: str = "") -> Iterator[Entity]:
    """The event objects that the user sees. `only`: a name in small letters; empty: all of them."""
    for tracked in sorted(service.org.store.tracked):
        event_name = service.org.store.objects[tracked].event_name
        entity = service.entities.find(tracked) if only in ("", event_name.lower()) else None
        if entity is not None:
            yield Entity(event_name, f"{entity.label} Change Event", "", _fields(entity))
    for event in service.org.platform_events:
        if only in ("", event.name.lower()):
            label = event.label or event.name.removesuffix("__e").replace("_", " ")
            yield Entity(event.name, label, event.key_prefix, _message_fields(event))


def describe_event_fields(entity: Entity) -> list[dict[str, Any]]:
    """Its fields as describe shows them."""
    found = []
    for field in entity.fields.values():
        described = describe_field(entity, field) | _NO_QUERIES
        if not is_message(entity):
            described |= {"createable": False, "nillable": True}
        if field.name == _HEADER:
            described["soapType"] = f"urn:{_HEADER}"
        found.append(described)
    return found


def _message_fields(event: PlatformEvent) -> dict[str, Field]:
    """The fields that the org fills in and nobody writes, then the event's own."""
    given = (
        Field("ReplayId", "string", {"ReplayId": "ReplayId"}, _REPLAY_ID_CHARACTERS, read_only=True),
        Field(CREATED_AT, "datetime", {CREATED_AT: CREATED_AT}),
        Field(CREATED_BY, "reference", {CREATED_BY: CREATED_BY}, 18, ("User",), "CreatedBy"),
        Field("EventUuid", "string", {"EventUuid": "EventUuid"}, _UUID_CHARACTERS, read_only=True),
    )
    own = []
    for each in event.fields:
        spec = each.spec()
        length = spec.length if spec.type.value in TEXT_KINDS else 0
        own.append(Field(each.name, spec.type.value, {each.name: each.name}, length, spec=spec))
    return {field.name: field for field in (*given, *own)}


def _fields(entity: Entity) -> dict[str, Field]:
    """A compound stands for its parts; Id and the header come first."""
    own = {
        name: field
        for name, field in entity.fields.items()
        if name not in ("Id", "IsDeleted", "SystemModstamp")
        and not field.is_calculated
        and not (field.spec and field.spec.part_of)
    }
    first = {
        "Id": entity.fields["Id"],
        "ReplayId": Field("ReplayId", "string", {"ReplayId": "ReplayId"}, 255),
        _HEADER: Field(_HEADER, "complexvalue", {_HEADER: _HEADER}),
    }
    return first | own
