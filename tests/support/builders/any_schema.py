"""Schemas and values of any org: names that collide, are reserved or are long; every type;
compounds; and values that do not fit.
"""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.sandbox.every_type import VALUES, decimals

OBJECT = "Thing__c"
CATALOGUE = """
every_object:
  OwnerId: {type: reference, references: [User, Group]}
  CreatedDate: {type: datetime, required: true}
  CreatedById: {type: reference, references: [User], required: true}
  LastModifiedDate: {type: datetime, required: true}
  LastModifiedById: {type: reference, references: [User], required: true}
objects:
  Thing__c:
    label: Things
    key_prefix: "a0x"
    history: true
    fields:
      Name: {type: string, length: 80}
"""
_WORDS = (
    *("Status", "Version", "Batch", "Select", "Order", "User", "Table", "Primary", "Default", "Analyse"),
    *(
        "xmin",
        "ctid",
        "oid",
        "RecordId",
        "Record_Id",
        "IsDeleted2",
        "Set_0",
        "Set_1",
        "ChangedFields",
        "Name",
    ),
    *("unknown_fields", "OwnerId", "Owner_Id", "Valid_From", "A", 40 * "w", "Ab" * 20, "Long" * 10),
)
"""Words of SQL, our own columns and the databases', and what makes the same column as another."""
_FREE = st.from_regex(r"[A-Za-z](?:_?[A-Za-z0-9]){0,38}", fullmatch=True)
_TEXTS: dict[str, dict[str, Any]] = {
    "string": {"length": 255},
    "encryptedstring": {"length": 175},
    "textarea": {"length": 32_000},
    "richtextarea": {"length": 32_000},
    "combobox": {"length": 255},
    "anyType": {"length": 255},
}
_KINDS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    **{kind: (more, VALUES["Text__c"]) for kind, more in _TEXTS.items()},
    "email": ({"length": 80}, VALUES["Mail__c"]),
    "phone": ({"length": 40}, VALUES["Call__c"]),
    "url": ({}, VALUES["Site__c"]),
    "picklist": ({"picklist": ["One", "Two"], "restricted": True}, VALUES["Pick__c"]),
    "multipicklist": ({"picklist": ["a", "b", "c"], "length": 4_099}, VALUES["Multi__c"]),
    "boolean": ({}, st.booleans()),
    "int": ({}, VALUES["Int__c"]),
    "long": ({}, VALUES["Big__c"]),
    "date": ({}, VALUES["Day__c"]),
    "datetime": ({}, VALUES["Moment__c"]),
    "time": ({}, VALUES["Hour__c"]),
    "base64": ({}, st.none()),
}
BAD: tuple[Any, ...] = (
    *("no number", "x\x00y", 300 * "x", "2026-02-30", "25:61:00", "y z"),
    *(7, -1.5, True, 2**63, 10**17 + 1, 1e300, Decimal("0.30000000000000004")),
    *({"diff": "@@"}, {"a": 1}, ["x"]),
)
"""Values that fit few fields; what is an object or a list is in events alone."""


@st.composite
def names(draw: st.DrawFn, most: int) -> list[str]:
    """Names of fields that Salesforce takes together: no two differ by case alone."""
    bare = draw(st.lists(st.sampled_from(_WORDS) | _FREE, min_size=1, max_size=most))
    found: dict[str, str] = {}
    for word in bare:
        namespace = draw(st.sampled_from(["", "", "", "ns__", "another_space__"]))
        name = f"{namespace}{word}__c"
        found.setdefault(name.lower(), name)
    return list(found.values())


@st.composite
def fields(draw: st.DrawFn, most: int = 12) -> list[dict[str, Any]]:
    """Fields as an administrator adds them."""
    return [draw(_field(name)) for name in draw(names(most))]


@st.composite
def _field(draw: st.DrawFn, name: str) -> dict[str, Any]:
    kind = draw(st.sampled_from([*_KINDS, "double", "percent", "currency", "location", "address"]))
    if kind in ("double", "percent", "currency"):
        return {"name": name, "type": kind, "scale": draw(st.sampled_from([0, 2, 6, 17])), "precision": 18}
    if kind == "location":
        return {"name": name, "type": kind, "scale": draw(st.integers(0, 15))}
    return (
        {"name": name, "type": kind} if kind == "address" else {"name": name, "type": kind, **_KINDS[kind][0]}
    )


@st.composite
def values_of(draw: st.DrawFn, described: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Good values of some of the fields, which are as the org lists them."""
    chosen = draw(st.sets(st.sampled_from(sorted(described)))) if described else set()
    return {name: draw(_value(described[name])) for name in sorted(chosen)}


def _value(field: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind, scale = field["type"], field["scale"]
    if kind in ("double", "percent", "currency"):
        if field.get("part_of"):
            return decimals(scale, scale)  # a degree of latitude
        return decimals(18, scale)
    if kind == "picklist":
        return st.sampled_from([*field["picklist"], None])
    found = _KINDS.get(kind)
    return st.none() if found is None or kind == "base64" else found[1]
