"""Objects that an org has beside those of the engine's catalogue, and that can be written.

The catalogue wins where it has one of them. They are on no channel until an administrator selects
them (Change Data Capture Developer Guide, "Select Objects for Change Notifications").
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from sandbox.org.schema.compounds import standard_address
from schemas.catalogue import FieldSpec, ObjectSpec, load_catalogue

_FILE = Path(__file__).with_name("standard_objects.yaml")
_WITHOUT_OWNER = frozenset(
    {
        "CampaignMember", "Product2", "Pricebook2", "PricebookEntry", "OpportunityLineItem",
        "AccountTeamMember", "OpportunityTeamMember",
    }
)  # fmt: skip
"""Objects whose records have no owner of their own (Object Reference)."""


_ADDRESSES = {"Lead": ("Address",), "Contract": ("BillingAddress", "ShippingAddress")}


@lru_cache
def standard_objects() -> Mapping[str, ObjectSpec]:
    """By API name."""
    return {name: _completed(spec) for name, spec in load_catalogue(_FILE).objects.items()}


def _completed(spec: ObjectSpec) -> ObjectSpec:
    """With its whole addresses, geocodes included, and without an owner where it has none."""
    fields: dict[str, FieldSpec] = {
        name: field
        for name, field in spec.fields.items()
        if name != "OwnerId" or spec.name not in _WITHOUT_OWNER
    }
    for address in _ADDRESSES.get(spec.name, ()):
        fields |= standard_address(address)
    return ObjectSpec(name=spec.name, label=spec.label, key_prefix=spec.key_prefix, fields=fields)
