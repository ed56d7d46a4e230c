"""Asks the org for each object of the catalogue, as the integration user sees it: the object, its
fields, their types.
"""

from clients.doctor.org_rights import LEASE_CLASS
from clients.salesforce.describe import described_field
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.catalogue import ObjectSpec
from schemas.doctor import Finding, ok, warning, wrong
from schemas.drift import DriftKind, DriftPolicy, FieldDrift
from schemas.errors import CallRefusedError
from transforms.drift.compare_schema import compare

_SHOWN = 5
_NEW = {DriftKind.ADDED, DriftKind.UNKNOWN}
_RULES = {DriftKind.REQUIRED, DriftKind.OPTIONAL}
_QUIET = {*_NEW, DriftKind.RESTORED, DriftKind.SCALE}
"""Warnings with which the engine goes on; `tidegate catalogue check` lists them."""


async def examine_object(org: OrgHttp, spec: ObjectSpec) -> list[Finding]:
    """Every finding about one object; one API call. It is compared with the catalogue file, without
    the decisions of drift.
    """
    name = spec.name
    try:
        answer = await org.read(Call("GET", f"{org.data_path}/sobjects/{name}/describe", LEASE_CLASS))
    except CallRefusedError as error:
        if not error.is_missing:
            raise
        return [_missing(name)]
    body = answer.json()
    if not body.get("queryable"):
        remedy = f"Take {name} out of the catalogue: the org lets nobody query it."
        return [wrong("salesforce.object_not_queryable", f"{name} cannot be queried", remedy, where=name)]
    fields = [described_field(each) for each in body["fields"]]
    differences = compare(spec, fields, DriftPolicy(add=False), {})
    found = [_of_field(each) for each in differences if each.kind not in _QUIET]
    return found or [ok("salesforce.object", _well(spec, differences), where=name)]


def _missing(name: str) -> Finding:
    kind = "Deploy it, or correct the name" if name.endswith("__c") else "Correct the name"
    remedy = (
        f"Setup > Permission Sets > the integration user's set > Object Settings > {name} > Read. {kind} in the catalogue "
        "when the org has no such object."
    )
    told = f"the org has no {name}, or hides it from the integration user"
    return wrong("salesforce.object_missing", told, remedy, where=name)


def _of_field(found: FieldDrift) -> Finding:
    name, where = found.field, f"{found.object}.{found.field}"
    if found.kind is DriftKind.REMOVED:
        remedy = (
            f"Setup > Object Manager > {found.object} > Fields & Relationships > {name} > Set Field-Level Security: "
            "visible for the integration user. When the org has it no more, take it out of the catalogue."
        )
        guess = f" {found.advice.partition('. ')[0]}." if found.advice.startswith("Perhaps") else ""
        told = f"describe has no {name}: field-level security hides it, or the org has it no more.{guess}"
        return wrong("salesforce.field_hidden", told, remedy, where=where)
    if found.kind in _RULES:
        remedy = f"{found.advice} tidegate drift --check records it."
        return warning("salesforce.field_rule", f"the org has it as {found.now}", remedy, where=where)
    told = f"the org has it as {found.now}, the catalogue as {found.was}"
    if found.kind is DriftKind.PART:
        remedy = f"{found.advice} A running engine goes by it by itself."
        return warning("salesforce.field_type", told, remedy, where=where)
    if found.kind is DriftKind.WIDENED:
        remedy = (
            f"Give {where} the org's type and length in the catalogue; a running engine widens it by itself."
        )
        return warning("salesforce.field_type", told, remedy, where=where)
    remedy = f"Give {where} the org's type in the catalogue and convert its column, or give the field its former type."
    return wrong("salesforce.field_type", told, remedy, where=where)


def _well(spec: ObjectSpec, differences: list[FieldDrift]) -> str:
    new = [each.field for each in differences if each.kind in _NEW]
    told = f"{len(spec.fields)} fields as the catalogue has them"
    if not new:
        return told
    more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
    return f"{told}; the catalogue lacks {', '.join(new[:_SHOWN])}{more}, which drift decides about"
