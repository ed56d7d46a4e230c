"""The org's describe of its objects' fields, and whether it has changed since it was last read.

`If-Modified-Since` on describe global tells of any object, so a check of a quiet org is one call
(REST API Developer Guide, "Describe Global"; "Conditional Request Headers").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.governor import LeaseClass
from schemas.salesforce.object_shape import DescribedShape, FieldDescription

_NOT_MODIFIED = 304


@dataclass
class OrgSchema:
    """Asks one org, on behalf of one class."""

    org: OrgHttp
    lease_class: LeaseClass = LeaseClass.RECONCILIATION

    async def changed_since(self, seen: str) -> str | None:
        """The `Last-Modified` of the org's schema when it is another than `seen`; None when nothing
        has changed.

        Args:
            seen: What it was; empty: never asked.
        """
        answer = await self._ask("/sobjects", seen)
        return None if answer is None else answer[0]

    async def fields(self, object_name: str) -> list[FieldDescription]:
        """The fields of an object. Raises `CallRefusedError` for one that the org lacks."""
        return list((await self.shape(object_name)).fields)

    async def shape(self, object_name: str) -> DescribedShape:
        """An object and its fields; one API call. Raises `CallRefusedError` for one that the org
        lacks.
        """
        path = f"{self.org.data_path}/sobjects/{object_name}/describe"
        answer = await self.org.read(Call("GET", path, self.lease_class))
        return described_shape(answer.json())

    async def _ask(self, path: str, seen: str) -> tuple[str, Any] | None:
        """`Last-Modified` and body; None when nothing was modified since `seen`."""
        headers = {"If-Modified-Since": seen} if seen else None
        call = Call("GET", f"{self.org.data_path}{path}", self.lease_class, headers=headers)
        answer = await self.org.read(call)
        if answer.status_code == _NOT_MODIFIED:
            return None
        return str(answer.headers.get("Last-Modified", "")), answer.json()


def described_shape(described: Mapping[str, Any]) -> DescribedShape:
    """An object of a describe (REST API Developer Guide, "sObject Describe")."""
    name = str(described["name"])
    return DescribedShape(
        name=name,
        label=described.get("labelPlural") or described.get("label") or name,
        key_prefix=described.get("keyPrefix") or "",
        queryable=bool(described.get("queryable")),
        fields=tuple(described_field(field) for field in described["fields"]),
    )


def described_field(described: Mapping[str, Any]) -> FieldDescription:
    """A field of a describe (REST API Developer Guide, "sObject Describe")."""
    is_defaulted = bool(described.get("defaultedOnCreate"))
    is_asked_for = described.get("createable") and not is_defaulted
    return FieldDescription(
        name=described["name"],
        type=described["type"],
        length=described.get("length") or 0,
        precision=described.get("precision") or 0,
        scale=described.get("scale") or 0,
        compound=compound
        if (compound := described.get("compoundFieldName") or "") != described["name"]
        else "",
        values=_restricted_values(described),
        label=described.get("label") or "",
        unique=bool(described.get("unique")),
        references=tuple(described.get("referenceTo") or ()),
        external_id=bool(described.get("externalId")),
        calculated=bool(described.get("calculated")),
        nullable=bool(described.get("nillable")),
        required=bool(is_asked_for) and not described.get("nillable"),
        defaulted=is_defaulted,
        composed=_is_composed(described),
    )


def _is_composed(described: Mapping[str, Any]) -> bool:
    """True for Contact.Name (`personname`), False for Account.Name, which is a text of businesses
    (`switchable_personname`). Where an API version does not say which it is, a name that nobody
    can write is put together of others.
    """
    if (extra := described.get("extraTypeInfo")) is not None:
        return bool(extra == "personname")
    return not described.get("createable") and not described.get("updateable")


def _restricted_values(described: Mapping[str, Any]) -> tuple[str, ...]:
    if not described.get("restrictedPicklist"):
        return ()
    return tuple(str(each["value"]) for each in described.get("picklistValues") or () if each.get("active"))
