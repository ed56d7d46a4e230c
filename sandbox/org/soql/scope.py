"""Field paths of one query level as columns of joined tables.

Every relationship that a path crosses becomes one LEFT JOIN on the parent's primary key, shared
by all paths that cross it; a record without the parent keeps its row.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sandbox.org.soql.entities import Entities, Entity, Field
from sandbox.org.soql.errors import PlacedSoqlError, no_such_field, no_such_object, no_such_relationship
from sandbox.org.soql.nodes import FieldPath, Query

MAX_LEVELS_UP = 5
"""Relationships that one path may cross (SOQL and SOSL Reference, "Understanding Relationship Query
Limitations").
"""

AS = "as "
"""Begins the step of a path that tells the object of a polymorphic reference; no relationship has
a blank in its name.
"""
_POLYMORPHIC = 2
_TYPE = Field("Type", "string", {"Type": "Type"}, 40)
"""Fields of every polymorphic relationship (SOQL and SOSL Reference, "Understanding Polymorphic
Keys and Relationships").
"""


@dataclass(frozen=True, slots=True)
class ResolvedField:
    """A path that means something: a field of the query's object or of a parent."""

    field: Field
    source: str
    """The alias of the table that holds it."""
    path: tuple[str, ...]
    """Canonical names of the relationships crossed, then of the field."""
    expression: str | None = None
    """The SQL of what is in no column; None for a column."""

    @property
    def sql(self) -> str:
        return self.expression or self.field.sql(self.source)


@dataclass(frozen=True, slots=True)
class Parent:
    """A joined parent."""

    entity: Entity
    source: str
    join_sql: str


class PolymorphicReference(NamedTuple):
    """A reference that may lead to several objects."""

    path: tuple[str, ...]
    """The relationships that lead there, the reference's own last."""
    sql: str
    """The id that it holds."""
    targets: list[Entity]
    """Of its objects, those that the org has."""


class Variant(NamedTuple):
    """A polymorphic reference as one to a single object."""

    path: tuple[str, ...]
    """The reference's, and a step that names the object."""
    entity: Entity


class Scope:
    """The tables of one query level. Aliases are `prefix`0 for the object, `prefix`1… for
    parents.
    """

    def __init__(self, query: Query, entities: Entities, *, prefix: str = "t") -> None:
        entity = entities.find(query.object_name)
        if entity is None:
            raise no_such_object(query.object_name, at=query.object_at)
        self.entity = entity
        self.entities = entities
        self.prefix = prefix
        self.source = f"{prefix}0"
        self.parents: dict[tuple[str, ...], Parent] = {}
        """By the canonical relationship names that lead there."""
        self.rolled_up: frozenset[str] = frozenset()
        """The SQL of fields that the row at hand sums over: they are null in it."""
        self.subtotalled: frozenset[str] = frozenset()
        """The SQL of the fields of a ROLLUP or a CUBE."""
        self._own_names = {name.lower() for name in (query.alias, query.object_name) if name}
        self._ways: dict[str, list[str]] = {}
        """Relationships by the alias that the FROM gives the record at their end."""
        for way in query.ways:
            steps = self._steps(list(way.path.parts))
            self._walk(Parent(entity, self.source, ""), (), steps, way.path)
            self._ways[way.alias.lower()] = steps

    @property
    def from_sql(self) -> str:
        joins = "".join(f" {parent.join_sql}" for parent in self.parents.values())
        return f"{self.entity.table} AS {self.source}{joins}"

    def resolve(self, path: FieldPath) -> ResolvedField:
        """The field at the end of `path`; raises INVALID_FIELD when a step of it does not exist."""
        steps = self._steps(list(path.parts[:-1]))
        return self._resolve(Parent(self.entity, self.source, ""), (), steps, path)

    def resolve_in(self, variant: "Variant", path: FieldPath) -> ResolvedField:
        """The field at the end of a path that begins at the record of a polymorphic reference."""
        return self._resolve(self.parents[variant.path], variant.path, list(path.parts[:-1]), path)

    def polymorphic(self, path: FieldPath) -> "PolymorphicReference":
        """The reference whose relationship ends `path`; raises `PlacedSoqlError` for one that leads
        to one object only.
        """
        *steps, last = path.parts
        steps = self._steps(steps)
        crossed, at = self._walk(Parent(self.entity, self.source, ""), (), steps, path)
        reference = at.entity.by_relationship.get(last.lower())
        if reference is None:
            raise no_such_relationship(last, at=path.at)
        targets = [found for name in reference.references if (found := self.entities.find(name))]
        if len(reference.references) < _POLYMORPHIC:
            detail = f"TYPEOF takes a relationship to several objects: {path.text}"
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=path.at)
        return PolymorphicReference(
            (*crossed, reference.relationship or last), reference.sql(at.source), targets
        )

    def variant(self, reference: "PolymorphicReference", target: Entity) -> "Variant":
        """The reference as one to `target` alone, joined."""
        reached = (*reference.path, f"{AS}{target.name}")
        self._join(reached, target, reference.sql)
        return Variant(reached, target)

    def _resolve(
        self, start: Parent, crossed: tuple[str, ...], relationships: list[str], path: FieldPath
    ) -> ResolvedField:
        if len(relationships) > MAX_LEVELS_UP:
            detail = (
                f"SOQL statements cannot query relationships more than {MAX_LEVELS_UP} levels up: {path.text}"
            )
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=path.at)
        crossed, reached = self._walk(start, crossed, relationships[:-1], path)
        kind, name = None, path.parts[-1]
        if relationships:
            last = reached.entity.by_relationship.get(relationships[-1].lower())
            kind = self._type_of(last, reached.source)
            crossed, reached = self._walk(reached, crossed, relationships[-1:], path)
        found = reached.entity.by_lower_name.get(name.lower())
        if found is None and kind is not None and name.lower() == "type":
            return ResolvedField(_TYPE, reached.source, (*crossed, _TYPE.name), kind)
        if found is None:
            raise no_such_field(name, entity=reached.entity.name, at=path.at)
        return ResolvedField(found, reached.source, (*crossed, found.name))

    def _walk(
        self, start: Parent, crossed: tuple[str, ...], relationships: list[str], path: FieldPath
    ) -> tuple[tuple[str, ...], Parent]:
        reached = start
        for relationship in relationships:
            crossed, reached = self._cross(reached.entity, reached.source, crossed, relationship, path.at)
        return crossed, reached

    def _type_of(self, reference: Field | None, source: str) -> str | None:
        """The SQL of `Owner.Type`: which object a polymorphic reference leads to, told by the id's
        prefix.
        """
        if reference is None or len(reference.references) < _POLYMORPHIC:
            return None
        targets = [found for name in reference.references if (found := self.entities.find(name))]
        cases = " ".join(f"WHEN '{target.key_prefix}' THEN '{target.name}'" for target in targets)
        return f"CASE substr({reference.sql(source)}, 1, 3) {cases} END" if targets else None

    def _steps(self, names: list[str]) -> list[str]:
        """The relationships that lead from the query's own record: without its name, and with the
        way that an alias stands for (SOQL and SOSL Reference, "Alias Notation").
        """
        if not names or names[0].lower() in self.entity.by_relationship:
            return names
        if (way := self._ways.get(names[0].lower())) is not None:
            return [*way, *names[1:]]
        return names[1:] if self._is_own_name(names[0]) else names

    def _is_own_name(self, step: str) -> bool:
        """`a` in `SELECT a.Name FROM Account a`; a relationship of that name wins."""
        return step.lower() in self._own_names and step.lower() not in self.entity.by_relationship

    def _cross(
        self, entity: Entity, source: str, crossed: tuple[str, ...], relationship: str, at: int
    ) -> tuple[tuple[str, ...], Parent]:
        reference = entity.by_relationship.get(relationship.lower())
        target = None if reference is None else self.entities.target(reference)
        if reference is None or reference.relationship is None or target is None:
            raise no_such_relationship(relationship, at=at)
        reached = (*crossed, reference.relationship)
        return reached, self._join(reached, target, reference.sql(source))

    def _join(self, reached: tuple[str, ...], target: Entity, id_sql: str) -> Parent:
        if reached not in self.parents:
            alias = f"{self.prefix}{len(self.parents) + 1}"
            join = f'LEFT JOIN {target.table} AS {alias} ON {alias}."Id" = {id_sql}'
            self.parents[reached] = Parent(target, alias, join)
        return self.parents[reached]
