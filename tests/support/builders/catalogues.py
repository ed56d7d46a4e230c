"""Catalogues that are stricter than the one that ships, so that changes go to quarantine for a
reason that may be taken away.
"""

from typing import Any

from schemas.catalogue import Catalogue, default_catalogue

Fields = dict[str, dict[str, Any]]
"""Field -> its entry, as in the catalogue's file."""

STATUS: dict[str, Any] = {"type": "picklist", "required": True, "severity": {"required": "reject"}}
SURPRISE: dict[str, Any] = {"type": "string", "values": ["foreseen"], "severity": {"values": "reject"}}
"""Of a field that refuses nearly every value."""
STRANGER: dict[str, Any] = {
    "label": "Strangers",
    "key_prefix": "a99",
    "fields": {"A__c": {"type": "int"}, "Secret__c": {"type": "string", "pii": "personal"}},
}
"""An object that the catalogue lacks."""


def with_fields(fields: dict[str, Fields], **more: dict[str, Any]) -> Catalogue:
    """The catalogue that ships with other fields of some objects, by object, and with more
    objects.
    """
    described = default_catalogue().model_dump(mode="json")
    for name, some in fields.items():
        described["objects"][name]["fields"] |= some
    described["objects"] |= more
    return Catalogue.model_validate(described)


def strict(**of_case: dict[str, Any]) -> Catalogue:
    """A case without a status is refused, and one with a `Surprise__c` that nobody foresaw;
    `of_case`: other entries of its fields.
    """
    return with_fields({"Case": {"Status": STATUS, "Surprise__c": SURPRISE} | of_case})


def lenient(**of_case: dict[str, Any]) -> Catalogue:
    """As `strict`, once the object that was unknown is known."""
    return with_fields({"Case": {"Status": STATUS, "Surprise__c": SURPRISE} | of_case}, Stranger__c=STRANGER)
