"""The objects of the Tooling API and their fields (Tooling API, "Tooling API Objects"). An object
is served once it has rows to show.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from sandbox.org.permissions import rows as permission_rows
from sandbox.org.soql.entities import Entities, Entity, build_entities
from schemas.catalogue import ObjectSpec

_TEXT = {"type": "string", "length": 255}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "int"}
_CHOICE = {"type": "picklist"}

_COMPLEX = {"type": "textarea", "length": 131_072}
METADATA = "Metadata"
"""An object inside an object; rows hold it as JSON text."""
ENTITY_DEFINITION = "EntityDefinition"
FIELD_DEFINITION = "FieldDefinition"
CUSTOM_FIELD = "CustomField"
EMPTY = ("ApexClass", "InstalledSubscriberPackage")
"""Objects of which this org has no row."""
_FIELDS: Mapping[str, tuple[str, Mapping[str, Mapping[str, object]]]] = {
    ENTITY_DEFINITION: (
        "4ie",
        {
            **dict.fromkeys(
                ("DurableId", "QualifiedApiName", "DeveloperName", "Label", "MasterLabel"), _TEXT
            ),
            **dict.fromkeys(("PluralLabel", "NamespacePrefix", "KeyPrefix", "PublisherId"), _TEXT),
            **dict.fromkeys(("InternalSharingModel", "ExternalSharingModel", "DeploymentStatus"), _CHOICE),
            **dict.fromkeys(("IsCustomizable", "IsQueryable", "IsSearchable", "IsTriggerable"), _FLAG),
            **dict.fromkeys(
                ("IsApexTriggerable", "IsCustomSetting", "IsIdEnabled", "IsReplicateable"), _FLAG
            ),
            **dict.fromkeys(("IsRetrieveable", "IsWorkflowEnabled", "IsCompactLayoutable"), _FLAG),
        },
    ),
    FIELD_DEFINITION: (
        "4fe",
        {
            "EntityDefinitionId": {"type": "reference", "references": [ENTITY_DEFINITION]},
            **dict.fromkeys(
                ("DurableId", "QualifiedApiName", "DeveloperName", "Label", "MasterLabel"), _TEXT
            ),
            **dict.fromkeys(("DataType", "NamespacePrefix", "ExtraTypeInfo", "RelationshipName"), _TEXT),
            "Description": {"type": "textarea", "length": 1000},
            **dict.fromkeys(("Length", "Precision", "Scale"), _NUMBER),
            **dict.fromkeys(("IsNillable", "IsIndexed", "IsCalculated", "IsNameField", "IsCompound"), _FLAG),
            **dict.fromkeys(("IsApiFilterable", "IsApiGroupable", "IsApiSortable"), _FLAG),
            "ComplianceGroup": {"type": "multipicklist"},
            **dict.fromkeys(("SecurityClassification", "BusinessStatus"), _CHOICE),
            "BusinessOwnerId": _TEXT,
        },
    ),
    "PlatformEventChannel": (
        "0YL",
        {
            **dict.fromkeys(("DeveloperName", "MasterLabel", "FullName", "NamespacePrefix"), _TEXT),
            **dict.fromkeys(("ChannelType", "EventType", "Language", "ManageableState"), _CHOICE),
            METADATA: _COMPLEX,
        },
    ),
    "PlatformEventChannelMember": (
        "0v8",
        {
            **dict.fromkeys(("DeveloperName", "MasterLabel", "FullName", "NamespacePrefix"), _TEXT),
            **dict.fromkeys(("EventChannel", "SelectedEntity"), _TEXT),
            "FilterExpression": {"type": "textarea", "length": 131_072},
            "ManageableState": _CHOICE,
            METADATA: _COMPLEX,
        },
    ),
    **permission_rows.FIELDS,
    "ApexClass": (
        "01p",
        {
            **dict.fromkeys(("Name", "NamespacePrefix"), _TEXT),
            "Status": _CHOICE,
            "ApiVersion": {"type": "double"},
            "IsValid": _FLAG,
            "LengthWithoutComments": _NUMBER,
            "Body": _COMPLEX,
        },
    ),
    CUSTOM_FIELD: (
        "00N",
        dict.fromkeys(
            ("DeveloperName", "TableEnumOrId", "NamespacePrefix", "FullName", "ManageableState"), _TEXT
        ),
    ),
    "InstalledSubscriberPackage": (
        "0A3",
        dict.fromkeys(("SubscriberPackageId", "SubscriberPackageVersionId"), _TEXT),
    ),
    "ManagedEventSubscription": (
        "18x",
        {
            **dict.fromkeys(("DeveloperName", "MasterLabel", "FullName", "NamespacePrefix"), _TEXT),
            "TopicName": _TEXT,
            **dict.fromkeys(("DefaultReplay", "ErrorRecoveryReplay", "State", "ManageableState"), _CHOICE),
            "Version": {"type": "double"},
            METADATA: _COMPLEX,
        },
    ),
}

SPECS: Mapping[str, ObjectSpec] = {
    name: ObjectSpec.model_validate({"name": name, "label": name, "key_prefix": prefix, "fields": fields})
    for name, (prefix, fields) in _FIELDS.items()
}


@lru_cache
def tooling_entities(names: frozenset[str]) -> Entities:
    """These objects as queries see them."""
    built = build_entities({name: spec for name, spec in SPECS.items() if name in names})
    return Entities({entity.name: _with_plain_keys(entity) for entity in built})


def _with_plain_keys(entity: Entity) -> Entity:
    """A definition's key is the name of what it defines, not an id of 18 characters, and may be
    compared with any text.
    """
    fields = {
        name: replace(found, kind="string", length=255) if ENTITY_DEFINITION in found.references else found
        for name, found in entity.fields.items()
    }
    return replace(entity, fields=fields)
