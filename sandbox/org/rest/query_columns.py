"""`?columns=true`: what a query's answer would consist of, without a row. Tools ask for it before
they show a table (REST API Developer Guide, "Query": the parameter `columns`; no page lists the
names, so they are as clients of others declare them).
"""

from collections.abc import Iterable

from sandbox.org.rest.call import Call
from sandbox.org.soql.compiled import ChildRows
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import Entities, Entity, Field
from sandbox.org.soql.nodes import Expression, FieldPath, FunctionCall, Literal, SelectItem
from sandbox.org.soql.operands import is_aggregate
from sandbox.org.soql.parser import parse
from sandbox.org.soql.scope import AS
from sandbox.org.soql.selection import Column

Described = dict[str, object]

_APEX_TYPES = {
    "id": "Id", "reference": "Id", "boolean": "Boolean", "int": "Integer", "long": "Long", "double": "Double",
    "percent": "Double", "currency": "Double", "date": "Date", "datetime": "Datetime", "time": "Time",
    "address": "Address", "location": "Location", "base64": "Blob",
}  # fmt: skip
_NUMBERS = frozenset({"int", "long", "double", "percent", "currency"})
_NO_TEXTS = _NUMBERS | {"boolean", "date", "datetime", "time", "address", "location", "base64"}


def wants_columns(call: Call) -> bool:
    """True for `?columns=true`."""
    return call.request.query_params.get("columns", "").lower() == "true"


def columns_of(soql: str, entities: Entities, user: str) -> Described:
    """The answer to `?columns=true`: `columnMetadata`, `entityName`, `groupBy`, `idSelected`,
    `keyPrefix`. `user` is the id of the caller, who may ask for a scope.
    """
    query, compiled = parse(soql), compile_soql(soql, entities, user=user)
    if compiled.shape == "groups":
        columns = [
            _grouped(item, column, compiled.entity)
            for item, column in zip(query.select, compiled.columns, strict=True)
            if isinstance(item, SelectItem)
        ]
    else:
        columns = _level(compiled.columns, 0, compiled.entity, entities)
    columns += [_child(child, entities) for child in compiled.children]
    return {
        "columnMetadata": columns,
        "entityName": compiled.entity.name,
        "groupBy": bool(query.group_by),
        "idSelected": any(column.path == ("Id",) for column in compiled.columns),
        "keyPrefix": compiled.entity.key_prefix,
    }


def _level(columns: Iterable[Column], depth: int, entity: Entity, entities: Entities) -> list[Described]:
    """Columns of one object in their order; those of a parent together, where its first one
    stands.
    """
    by_name: dict[str, list[Column]] = {}
    for column in columns:
        by_name.setdefault(column.path[depth], []).append(column)
    found = []
    for name, below in by_name.items():
        if len(below[0].path) == depth + 1:
            found.append(_field(name, below[0].kind, entity.fields.get(name)))
            continue
        reference = entity.by_relationship[name.lower()]
        is_of_many = below[0].path[depth + 1].startswith(AS)
        target = None if is_of_many else entities.target(reference)
        joined = [] if target is None else _level(below, depth + 1, target, entities)
        apex_type = "SObject" if target is None else target.name
        found.append(_described(name, apex_type, foreignKeyName=reference.name, joinColumns=joined))
    return found


def _field(name: str, kind: str, field: Field | None) -> Described:
    """A field; None for one that every polymorphic relationship has."""
    can = field is not None and not (field.is_system or field.is_compound or field.is_calculated)
    return _described(
        name,
        _APEX_TYPES.get(kind, "String"),
        kind=kind,
        custom=bool(field and field.is_custom),
        insertable=can,
        updatable=can,
    )


def _grouped(item: SelectItem, column: Column, entity: Entity) -> Described:
    """An aggregate, which is shown by its call, or a field that is grouped by."""
    [name] = column.path
    if not is_aggregate(item.expression):
        own = item.expression.parts if isinstance(item.expression, FieldPath) else ()
        field = entity.by_lower_name.get(own[0].lower()) if len(own) == 1 else None
        return _field(name, column.kind, field)
    apex_type = _APEX_TYPES.get(column.kind, "String")
    return _described(
        name, apex_type, kind=column.kind, aggregate=True, displayName=_written(item.expression)
    )


def _written(expression: Expression | Literal) -> str:
    if isinstance(expression, FunctionCall):
        return f"{expression.name}({', '.join(_written(each) for each in expression.arguments)})"
    return expression.text


def _child(child: ChildRows, entities: Entities) -> Described:
    """A subquery: it counts as an aggregate that has columns."""
    query = child.query
    joined = _level(query.columns, 0, query.entity, entities)
    joined += [_child(below, entities) for below in query.children]
    return _described(child.name, query.entity.name, aggregate=True, joinColumns=joined)


def _described(name: str, apex_type: str, *, kind: str | None = None, **own: object) -> Described:
    """Every name that a client may look for; `kind` None for what is a record."""
    return {
        "aggregate": False,
        "apexType": apex_type,
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": name.endswith("__r"),
        "displayName": name,
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": kind in _NUMBERS,
        "textType": kind is not None and kind not in _NO_TEXTS,
        "updatable": False,
    } | own
