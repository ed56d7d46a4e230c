"""The fields that a compound field is made of, by the names that Salesforce gives them.

A geolocation `Loc__c` has `Loc__Latitude__s` and `Loc__Longitude__s`; an address of one's own,
`Home__c`, has `Home__Street__s` and so on; a standard one, `MailingAddress`, has `MailingStreet`
and so on (Object Reference, "Address Compound Fields", "Geolocation Compound Field"; Salesforce
Help, "Custom Address Fields"). In an event a part goes by its short name, `Street` (Change Data
Capture Developer Guide, "Get Compound Fields in Change Events").
"""

from collections.abc import Mapping
from typing import Any

from sandbox.org.schema.objects import OrgField, OrgObject, with_fields
from schemas.catalogue import FieldType

_PLACE = FieldType.DOUBLE
_DEGREES_SCALE = 15
"""Decimal places of a standard address's latitude and longitude, as describe says them."""
_DEGREES_DIGITS = 18
_ACCURACIES = (
    "Address",
    "NearAddress",
    "Block",
    "Street",
    "ExtendedZip",
    "Zip",
    "Neighborhood",
    "City",
    "County",
    "State",
    "Unknown",
)
_STANDARD: Mapping[str, dict[str, Any]] = {
    "Street": {"type": FieldType.TEXTAREA, "length": 255},
    "City": {"type": FieldType.STRING, "length": 40},
    "State": {"type": FieldType.STRING, "length": 80},
    "PostalCode": {"type": FieldType.STRING, "length": 20},
    "Country": {"type": FieldType.STRING, "length": 80},
    "StateCode": {"type": FieldType.PICKLIST, "length": 10},
    "CountryCode": {"type": FieldType.PICKLIST, "length": 10},
}
_GEOCODE = frozenset({"Latitude", "Longitude", "GeocodeAccuracy"})
_SET_UP = ("scale", "precision", "length", "picklist", "restricted")
_OWN = ("Street", "City", "PostalCode", "StateCode", "CountryCode")
"""An address of one's own has codes of states and countries only."""


def standard_address(name: str) -> dict[str, OrgField]:
    """The fields of a standard address, such as `BillingAddress`, or `Address` of a lead."""
    return compound_parts("address", name, _DEGREES_SCALE, {})


def with_geocodes(spec: OrgObject) -> OrgObject:
    """The object with the geocodes of its standard addresses set up as every org has them: 15
    decimal places, and a restricted picklist of accuracies (Object Reference, "Address Compound
    Fields").
    """
    fields = {name: _as_set_up(name, field) for name, field in spec.fields.items()}
    return spec if fields == spec.fields else with_fields(spec, fields)


def _as_set_up(name: str, field: OrgField) -> OrgField:
    if field.part not in _GEOCODE or not (field.part_of or "").endswith("Address"):
        return field
    known = standard_address(str(field.part_of)).get(name)
    if known is None or known.type is not field.type:
        return field
    return field.model_copy(update={each: getattr(known, each) for each in _SET_UP})


def compound_parts(kind: str, name: str, scale: int, set_up: Mapping[str, Any]) -> dict[str, OrgField]:
    """The fields of a compound by name.

    Args:
        kind: `address` or `location`.
        name: The compound's: `Loc__c`, `ns__Home__c`, `MailingAddress`.
        scale: Decimal places of a location's two numbers.
        set_up: Further setup of every part, such as `pii`.
    """
    is_own = name.endswith("__c")
    stem = f"{name.removesuffix('__c')}__" if is_own else name.removesuffix("Address")
    degrees: dict[str, Any] = {"type": _PLACE, "scale": _DEGREES_SCALE, "precision": _DEGREES_DIGITS}
    if kind == "location":
        parts = dict.fromkeys(("Latitude", "Longitude"), degrees | {"scale": scale})
    else:
        texts = {part: _STANDARD[part] for part in _OWN} if is_own else _STANDARD
        accuracy = {"type": FieldType.PICKLIST, "length": 40, "picklist": _ACCURACIES, "restricted": True}
        parts = {**texts, "Latitude": degrees, "Longitude": degrees, "GeocodeAccuracy": accuracy}
    return {
        f"{stem}{part}{'__s' if is_own else ''}": OrgField.model_validate(
            {**set_up, **found, "part_of": name, "part": part}
        )
        for part, found in parts.items()
    }
