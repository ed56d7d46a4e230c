"""`/sobjects`, `/sobjects/X` and `/sobjects/X/describe`, made from the org's objects."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.conditional import http_date, not_modified
from sandbox.org.rest.describe_events import (
    describe_event_fields,
    event_entities,
    event_entity,
    is_message,
)
from sandbox.org.rest.describe_fields import describe_field
from sandbox.org.rest.service import RestService
from sandbox.org.schema.setup import load_setup
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.soql.filter_scopes import DELEGATED, EVERYTHING, MINE, TEAM, supported_scopes
from sandbox.org.state.merges import MERGEABLE
from sandbox.org.state.record_types import RecordType, RecordTypes
from schemas.salesforce.limits import QUERY_PAGE_MIN

MAX_BATCH_SIZE = QUERY_PAGE_MIN
"""Records that one call may write, as describe global announces it."""
_ALWAYS = {
    "activateable": False, "associateEntityType": None, "associateParentEntity": None, "customSetting": False,
    "deepCloneable": False, "deprecatedAndHidden": False, "feedEnabled": False, "hasSubtypes": False, "isInterface": False,
    "isSubtype": False, "mergeable": False, "mruEnabled": True, "queryable": True, "replicateable": True,
    "retrieveable": True, "searchable": True, "triggerable": True,
}  # fmt: skip
_EMPTY_LISTS = ("actionOverrides", "namedLayoutInfos")
_NULLS = ("defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces",
          "listviewable", "lookupLayoutable", "networkScopeFieldName", "sobjectDescribeOption")  # fmt: skip
_MASTER_RECORD_TYPE = "012000000000000AAA"


async def describe_global(call: Call) -> Response:
    """`GET /sobjects`: every object, events as not queryable, which clients skip (REST API
    Developer Guide, "Describe Global").
    """
    tracked = call.org.store.tracked
    found = [summary(entity, call.base, writable=entity.name in tracked) for entity in call.service.entities]
    events = event_summaries(call.service, call.base)
    body = {
        "encoding": "UTF-8",
        "maxBatchSize": MAX_BATCH_SIZE,
        "sobjects": sorted(found + events, key=_name),
    }
    return _unless_unmodified(call, body)


async def basic_information(call: Call) -> Response:
    """`GET /sobjects/X`: an object in short (REST API Developer Guide, "sObject Basic
    Information").
    """
    if (event := event_entity(call.service, call.path("object"))) is not None:
        return json_response({"objectDescribe": _event_object(event, call.base), "recentItems": []})
    entity = call.service.entity(call.path("object"))
    writable = entity.name in call.org.store.tracked
    return json_response({"objectDescribe": summary(entity, call.base, writable=writable), "recentItems": []})


async def describe(call: Call) -> Response:
    """`GET /sobjects/X/describe`: an object, or an event object, and its fields (REST API
    Developer Guide, "sObject Describe").
    """
    if (event := event_entity(call.service, call.path("object"))) is not None:
        return _unless_unmodified(call, describe_event(event, call.base))
    entity = call.service.entity(call.path("object"))
    writable, types = entity.name in call.org.store.tracked, RecordTypes(call.org).of(entity.name)
    return _unless_unmodified(
        call, describe_entity(entity, call.service.entities, call.base, writable=writable, types=types)
    )


def _unless_unmodified(call: Call, body: dict[str, Any]) -> Response:
    changed_at = call.service.schema_changed_at
    headers = {"Last-Modified": http_date(changed_at)}
    return not_modified(call.request, changed_at) or json_response(body, headers=headers)


def _name(described: dict[str, Any]) -> str:
    return str(described["name"])


def summary(entity: Entity, base: str, *, writable: bool) -> dict[str, Any]:
    """An object as describe global lists it."""
    here, writable = f"{base}/sobjects/{entity.name}", writable and not entity.read_only
    urls = {"sobject": here, "describe": f"{here}/describe", "rowTemplate": f"{here}/{{ID}}"}
    own = {
        "createable": writable,
        "custom": entity.is_custom,
        "deletable": writable,
        "keyPrefix": entity.key_prefix,
        "label": entity.label,
        "labelPlural": entity.label,
        "layoutable": writable,
        "mergeable": writable and entity.name in MERGEABLE,
        "name": entity.name,
        "undeletable": writable,
        "updateable": writable,
        "urls": urls,
    }
    return dict(sorted((_ALWAYS | own).items()))


def describe_entity(
    entity: Entity, entities: Entities, base: str, *, writable: bool, types: Sequence[RecordType] = ()
) -> dict[str, Any]:
    """The whole describe of an object. `types`: its own record types, beside the master."""
    whole = summary(entity, base, writable=writable) | {
        "childRelationships": [
            _child(child, field, name) for child, field, name in _children(entity, entities)
        ],
        "compactLayoutable": True,
        "fields": [describe_field(entity, field) for field in entity.fields.values()],
        "recordTypeInfos": _record_types(base, entity, types),
        "searchLayoutable": True,
        "supportedScopes": [
            {"label": _SCOPE_LABELS[name], "name": name} for name in supported_scopes(entity, entities)
        ],
    }
    whole |= {key: [] for key in _EMPTY_LISTS} | dict.fromkeys(_NULLS)
    return dict(sorted(whole.items()))


_SCOPE_LABELS = {
    EVERYTHING: "All records",
    MINE: "My records",
    TEAM: "My team's records",
    DELEGATED: "My delegated records",
}


def _children(entity: Entity, entities: Entities) -> list[tuple[str, str, str | None]]:
    return [(found.child, found.field, found.name) for found in entities.children(entity)]


def _child(child: str, field: str, name: str | None) -> dict[str, Any]:
    return {
        "cascadeDelete": load_setup().references.get(child, {}).get(field) == "cascade",
        "childSObject": child,
        "deprecatedAndHidden": False,
        "field": field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": name,
        "restrictedDelete": False,
    }


def _record_types(base: str, entity: Entity, types: Sequence[RecordType]) -> list[dict[str, Any]]:
    """The object's own types, and the master that every object has."""
    has_default = any(each.is_default for each in types)
    master = RecordType(_MASTER_RECORD_TYPE, "Master", "Master", is_default=not has_default)
    return [
        {
            "active": True,
            "available": True,
            "defaultRecordTypeMapping": each.is_default,
            "developerName": each.developer_name,
            "master": each is master,
            "name": each.name,
            "recordTypeId": each.id,
            "urls": {"layout": f"{base}/sobjects/{entity.name}/describe/layouts/{each.id}"},
        }
        for each in (*types, master)
    ]


def describe_event(event: Entity, base: str) -> dict[str, Any]:
    """The whole describe of an event object."""
    whole = _event_object(event, base) | {
        "childRelationships": [],
        "compactLayoutable": False,
        "fields": describe_event_fields(event),
        "recordTypeInfos": [],
        "searchLayoutable": False,
        "supportedScopes": [],
    }
    whole |= {key: [] for key in _EMPTY_LISTS} | dict.fromkeys(_NULLS)
    return dict(sorted(whole.items()))


def event_summaries(service: RestService, base: str) -> list[dict[str, Any]]:
    """The event objects that the user sees, as describe global lists them."""
    return [_event_object(event, base) for event in event_entities(service)]


def _event_object(event: Entity, base: str) -> dict[str, Any]:
    """An event object in short: it is known, and nothing can be done with it over REST but, with a
    platform event, publish it.
    """
    refused = dict.fromkeys(("queryable", "replicateable", "retrieveable", "searchable", "mruEnabled"), False)
    own = {
        "custom": is_message(event),
        "createable": is_message(event),
        "keyPrefix": event.key_prefix or None,
    }
    return summary(event, base, writable=False) | refused | own
