"""Field paths of one query level as columns of joined tables.

Every relationship that a path crosses becomes one LEFT JOIN on the parent's primary key, shared
by all paths that cross it; a record without the parent keeps its row.
"""

from dataclasses import dataclass

from sandbox.org.soql.entities import Entities, Entity, Field
from sandbox.org.soql.errors import PlacedSoqlError, no_such_field, no_such_object, no_such_relationship
from sandbox.org.soql.nodes import FieldPath, Query

MAX_LEVELS_UP = 5
"""Relationships that one path may cross (SOQL and SOSL Reference, "Understanding Relationship Query
Limitations").
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
        self._own_names = {name.lower() for name in (query.alias, query.object_name) if name}

    @property
    def from_sql(self) -> str:
        joins = "".join(f" {parent.join_sql}" for parent in self.parents.values())
        return f'"{self.entity.name}" AS {self.source}{joins}'

    def resolve(self, path: FieldPath) -> ResolvedField:
        """The field at the end of `path`; raises INVALID_FIELD when a step of it does not exist."""
        relationships, name = list(path.parts[:-1]), path.parts[-1]
        if relationships and self._is_own_name(relationships[0]):
            relationships = relationships[1:]
        if len(relationships) > MAX_LEVELS_UP:
            detail = (
                f"SOQL statements cannot query relationships more than {MAX_LEVELS_UP} levels up: {path.text}"
            )
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=path.at)
        entity, source, crossed = self.entity, self.source, tuple[str, ...]()
        kind = None
        for relationship in relationships:
            kind = self._type_of(entity.by_relationship.get(relationship.lower()), source)
            crossed, parent = self._cross(entity, source, crossed, relationship, path.at)
            entity, source = parent.entity, parent.source
        found = entity.by_lower_name.get(name.lower())
        if found is None and kind is not None and name.lower() == "type":
            return ResolvedField(_TYPE, source, (*crossed, _TYPE.name), kind)
        if found is None:
            raise no_such_field(name, entity=entity.name, at=path.at)
        return ResolvedField(found, source, (*crossed, found.name))

    def _type_of(self, reference: Field | None, source: str) -> str | None:
        """The SQL of `Owner.Type`: which object a polymorphic reference leads to, told by the id's
        prefix.
        """
        if reference is None or len(reference.references) < _POLYMORPHIC:
            return None
        targets = [found for name in reference.references if (found := self.entities.find(name))]
        cases = " ".join(f"WHEN '{target.key_prefix}' THEN '{target.name}'" for target in targets)
        return f"CASE substr({reference.sql(source)}, 1, 3) {cases} END" if targets else None

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
        if reached not in self.parents:
            alias = f"{self.prefix}{len(self.parents) + 1}"
            join = f'LEFT JOIN "{target.name}" AS {alias} ON {alias}."Id" = {reference.sql(source)}'
            self.parents[reached] = Parent(target, alias, join)
        return reached, self.parents[reached]
