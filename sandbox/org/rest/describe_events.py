"""Change event objects described: the fields that an event of the object may carry (Change Data
Capture Developer Guide, "Change Event Objects": they can be described, and neither read nor
written).
"""

from typing import Any

from sandbox.org.rest.describe_fields import describe_field
from sandbox.org.rest.service import RestService
from sandbox.org.soql.entities import Entity, Field

_HEADER = "ChangeEventHeader"
_READ_ONLY = dict.fromkeys(
    ("createable", "updateable", "filterable", "groupable", "sortable", "aggregatable", "idLookup", "unique"),
    False,
)


def event_entity(service: RestService, name: str) -> Entity | None:
    """The change event object of that name, in any case, of an object that the user sees; None when
    there is none.
    """
    for tracked in service.org.store.tracked:
        event_name = service.org.store.objects[tracked].event_name
        entity = service.entities.find(tracked)
        if event_name.lower() == name.lower() and entity is not None:
            return Entity(event_name, f"{entity.label} Change Event", "", _fields(entity))
    return None


def describe_event_fields(entity: Entity) -> list[dict[str, Any]]:
    """Its fields as describe shows them."""
    found = []
    for field in entity.fields.values():
        described = describe_field(entity, field) | _READ_ONLY
        described |= {"nillable": True, "permissionable": False, "externalId": False, "nameField": False}
        if field.name == _HEADER:
            described["soapType"] = f"urn:{_HEADER}"
        found.append(described)
    return found


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
