"""The select list: which SQL expressions are read, and which column of the answer each of them is.

A record's row always begins with its Id, and every parent's columns are accompanied by the
parent's Id, because a record in an answer carries its own address and a missing parent is null
as a whole.
"""

from dataclasses import dataclass, field, replace
from typing import Literal as OneOf

from sandbox.org.soql.distances import is_distance
from sandbox.org.soql.entities import COMPOUNDS, Field
from sandbox.org.soql.errors import PlacedSoqlError, cannot
from sandbox.org.soql.nodes import (
    COUNT_ROWS,
    ChildQuery,
    Expression,
    FieldPath,
    FunctionCall,
    Query,
    SelectItem,
    TypeOf,
)
from sandbox.org.soql.operands import (
    FORMAT,
    ROLLED_UP,
    SHOWN_AS_FIELDS,
    Operand,
    format_sql,
    is_aggregate,
    operand,
)
from sandbox.org.soql.scope import ResolvedField, Scope
from sandbox.org.soql.type_of import variants_of

QueryShape = OneOf["count", "groups", "rows"]
"""COUNT() alone; aggregates; records."""

FIELDS_MAX_ROWS = 200
"""FIELDS(ALL) and FIELDS(CUSTOM) need a LIMIT no higher (SOQL and SOSL Reference, "FIELDS()")."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the answer."""

    path: tuple[str, ...]
    """Relationship names, then the field's name; an aggregate's alias."""
    kind: str
    """Type in describe's words."""
    index: int
    """Where its value stands in the SQL row; a compound's parts follow one another from here."""
    parts: tuple[str, ...] = ()
    """A compound's parts in order; empty for everything else."""


@dataclass(frozen=True, slots=True)
class ParentColumn:
    """Where a parent's Id stands in the SQL row; null there means that there is no parent."""

    object_name: str
    index: int


@dataclass(slots=True)
class Selection:
    """The select list, compiled."""

    sql: list[str] = field(default_factory=list)
    found: list[Column] = field(default_factory=list)
    parents: dict[tuple[str, ...], ParentColumn] = field(default_factory=dict)
    grouped: frozenset[str] = frozenset()
    """The SQL of what is grouped by."""
    group_by: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    """SQL by the alias that the query gave an aggregate or a group; ORDER BY may use it."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self.found)


def shape_of(query: Query) -> QueryShape:
    """COUNT() alone is a count; a GROUP BY or any aggregate makes groups; all else are records."""
    if len(query.select) == 1 and not query.group_by:
        only = query.select[0]
        if isinstance(only, SelectItem) and only.expression == COUNT_ROWS:
            return "count"
    aggregates = any(isinstance(item, SelectItem) and is_aggregate(item.expression) for item in query.select)
    return "groups" if query.group_by or aggregates else "rows"


def select_rows(query: Query, scope: Scope) -> Selection:
    """The columns of records. Subqueries have none: they are statements of their own."""
    selection = Selection([f'{scope.source}."Id"'])
    unnamed = 0
    for item in query.select:
        if isinstance(item, TypeOf):
            _add_type_of(selection, item, query, scope)
        if isinstance(item, ChildQuery | TypeOf):
            continue
        if item.expression == COUNT_ROWS:
            if len(query.select) > 1:
                raise PlacedSoqlError(
                    "MALFORMED_QUERY", "COUNT() must be alone in the select list", at=query.object_at
                )
            continue
        name = item.alias
        if is_distance(item.expression) and name is None:
            name, unnamed = f"expr{unnamed}", unnamed + 1
        _require_alias_allowed(item)
        for resolved in _fields(item.expression, query, scope):
            if name is not None:
                resolved = replace(resolved, path=(name,), expression=resolved.sql)
            if any(column.path == resolved.path for column in selection.found):
                detail = f"duplicate field selected: {'.'.join(resolved.path)}"
                raise PlacedSoqlError("INVALID_FIELD", detail, at=item.expression.at)
            _add_field(selection, resolved, scope)
    return selection


def _require_alias_allowed(item: SelectItem) -> None:
    call = item.expression
    may_be_named = isinstance(call, FunctionCall) and (call.name in SHOWN_AS_FIELDS or is_distance(call))
    if item.alias is not None and not may_be_named:
        detail = "only aggregate expressions use field aliasing"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)


def _add_type_of(selection: Selection, item: TypeOf, query: Query, scope: Scope) -> None:
    for variant, fields in variants_of(item, query, scope):
        _add_parent(selection, variant.path, scope)
        for resolved in fields:
            _add_field(selection, resolved, scope)


def _fields(expression: Expression, query: Query, scope: Scope) -> list[ResolvedField]:
    if isinstance(expression, FunctionCall) and expression.name == "FIELDS":
        return _all_fields(expression, query, scope)
    found = operand(expression, scope)
    if is_distance(expression):
        return [ResolvedField(Field(found.name, found.kind, {}), scope.source, (found.name,), found.sql)]
    if found.resolved is None:
        raise PlacedSoqlError("MALFORMED_QUERY", f"{found.name} needs a GROUP BY", at=found.at)
    if isinstance(expression, FunctionCall) and expression.name == FORMAT and found.kind not in COMPOUNDS:
        text = replace(found.resolved.field, kind="string")
        return [replace(found.resolved, field=text, expression=format_sql(found))]
    return [found.resolved]


def _all_fields(call: FunctionCall, query: Query, scope: Scope) -> list[ResolvedField]:
    """`FIELDS(ALL | STANDARD | CUSTOM)`."""
    which = call.argument.text.upper() if isinstance(call.argument, FieldPath) else ""
    if which not in ("ALL", "STANDARD", "CUSTOM"):
        detail = "The SOQL FIELDS function must have one of ALL, STANDARD or CUSTOM"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
    if which != "STANDARD" and (query.limit is None or query.limit > FIELDS_MAX_ROWS):
        detail = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_MAX_ROWS}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
    return [
        ResolvedField(found, scope.source, (found.name,))
        for found in scope.entity.fields.values()
        if which == "ALL" or found.is_custom == (which == "CUSTOM")
    ]


def _add_field(selection: Selection, resolved: ResolvedField, scope: Scope) -> None:
    for length in range(1, len(resolved.path)):
        _add_parent(selection, resolved.path[:length], scope)
    found, index = resolved.field, len(selection.sql)
    if found.kind in COMPOUNDS:
        selection.sql += [f'{resolved.source}."{column}"' for column in found.parts.values()]
        selection.found.append(Column(resolved.path, found.kind, index, tuple(found.parts)))
    elif resolved.path == ("Id",):
        selection.found.append(Column(resolved.path, found.kind, 0))
    else:
        selection.sql.append(
            _blob_sql(resolved, selection, scope) if found.kind == "base64" else resolved.sql
        )
        selection.found.append(Column(resolved.path, found.kind, index))


def _add_parent(selection: Selection, crossed: tuple[str, ...], scope: Scope) -> None:
    """The Id by which the answer tells whether there is a parent; of a polymorphic reference each
    object has one.
    """
    parent = scope.parents.get(crossed)
    if parent is not None and crossed not in selection.parents:
        selection.parents[crossed] = ParentColumn(parent.entity.name, len(selection.sql))
        selection.sql.append(f'{parent.source}."Id"')


def _blob_sql(resolved: ResolvedField, selection: Selection, scope: Scope) -> str:
    """The field shows the address of a file's bytes, without the version (REST API Developer Guide,
    "sObject Blob Get").
    """
    crossed = resolved.path[:-1]
    name = selection.parents[crossed].object_name if crossed else scope.entity.name
    address = f"'/sobjects/{name}/' || {resolved.source}.\"Id\" || '/{resolved.field.name}'"
    return f"CASE WHEN {resolved.sql} IS NOT NULL THEN {address} END"


def select_groups(query: Query, scope: Scope) -> Selection:
    """The columns of groups; `expr0`, `expr1` … are the names of aggregates without an alias."""
    groups = [_grouped(expression, scope) for expression in query.group_by]
    selection = Selection(grouped=frozenset(group.sql for group in groups))
    selection.group_by = tuple(_group_sql(group) for group in groups if group.sql != ROLLED_UP)
    unnamed = 0
    for item in query.select:
        if isinstance(item, ChildQuery):
            raise PlacedSoqlError("MALFORMED_QUERY", "Grouped queries have no child subqueries", at=item.at)
        if isinstance(item, TypeOf):
            raise PlacedSoqlError("MALFORMED_QUERY", "Grouped queries have no TYPEOF", at=item.at)
        if item.expression == COUNT_ROWS:
            raise PlacedSoqlError("MALFORMED_QUERY", "Grouped query cannot use COUNT()", at=query.object_at)
        found = operand(item.expression, scope)
        if not found.is_aggregate and found.sql not in selection.grouped:
            detail = f"Field must be grouped or aggregated: {found.name}"
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=found.at)
        name, unnamed = _group_column_name(item, found, unnamed)
        if item.alias is not None:
            selection.aliases[item.alias] = found.sql
        selection.found.append(Column((name,), found.kind, len(selection.sql)))
        selection.sql.append(found.sql)
    return selection


def _grouped(expression: Expression, scope: Scope) -> Operand:
    group = operand(expression, scope)
    subject: Field | None = group.resolved.field if group.resolved else None
    if group.is_aggregate or (subject is not None and not subject.groupable):
        raise cannot(group.name, "grouped", at=group.at)
    return group


def _group_sql(group: Operand) -> str:
    return f"{group.sql} COLLATE NOCASE" if group.is_text else group.sql


def _group_column_name(item: SelectItem, found: Operand, unnamed: int) -> tuple[str, int]:
    if item.alias is not None:
        return item.alias, unnamed
    if found.resolved is not None:
        return found.resolved.path[-1], unnamed
    return f"expr{unnamed}", unnamed + 1
