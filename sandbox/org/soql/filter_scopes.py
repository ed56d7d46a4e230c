"""`USING SCOPE`: words for which records a query looks at (SOQL and SOSL Reference, "USING SCOPE").

A scope that would need what the org has not (territories, scoping rules, approvals) is refused: to
pass it over would answer another question than was asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.soql.errors import PlacedSoqlError
from sandbox.org.soql.literals import quote_string
from sandbox.org.soql.nodes import (
    AllOf,
    Comparison,
    Condition,
    FieldPath,
    Literal,
    LiteralKind,
    Membership,
    Query,
    SelectItem,
)

EVERYTHING, MINE, TEAM, DELEGATED = "everything", "mine", "team", "delegated"
_TASK, _OWNER = "Task", "OwnerId"
_TEAMS = {"Account": "AccountTeamMember", "Opportunity": "OpportunityTeamMember"}
"""Object -> the object whose records make users members of its teams."""


def supported_scopes(entity: Entity, entities: Entities) -> list[str]:
    """The scopes that describe lists for an object."""
    found = [EVERYTHING]
    if _OWNER in entity.fields:
        found.append(MINE)
    if entities.find(_TEAMS.get(entity.name, "")) is not None:
        found.append(TEAM)
    if entity.name == _TASK:
        found.append(DELEGATED)
    return found


def as_condition(query: Query, entities: Entities, user: str | None) -> Query:
    """The query with its scope as a condition; raises `PlacedSoqlError` for a scope that the object
    has not. `user` None knows no scope but `everything`.
    """
    if query.scope in (None, EVERYTHING):
        return replace(query, scope=None)
    entity = entities.find(query.object_name)
    known = [EVERYTHING] if entity is None or user is None else supported_scopes(entity, entities)
    if entity is None or user is None or query.scope not in known:
        detail = f"Scope {query.scope} is not supported on {query.object_name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=query.object_at)
    within = _CONDITIONS[query.scope](entity.name, user, query.object_at)
    return replace(query, scope=None, where=within if query.where is None else AllOf((within, query.where)))


def refuse_scope(query: Query) -> None:
    """A subquery has no scope of its own."""
    if query.scope is not None:
        detail = "USING SCOPE not allowed in this context"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=query.object_at)


def _is_user(name: str, user: str, at: int, operator: str = "=") -> Comparison:
    return Comparison(FieldPath((name,), at), operator, Literal(LiteralKind.STRING, quote_string(user), at))


def _mine(_object: str, user: str, at: int) -> Condition:
    return _is_user(_OWNER, user, at)


def _delegated(_object: str, user: str, at: int) -> Condition:
    """Tasks that the user has made for somebody else."""
    return AllOf((_is_user("CreatedById", user, at), _is_user(_OWNER, user, at, "!=")))


def _of_team(name: str, user: str, at: int) -> Condition:
    wanted = SelectItem(FieldPath((f"{name}Id",), at), None)
    teams = Query((wanted,), _TEAMS[name], at, where=_is_user("UserId", user, at))
    return Membership(FieldPath(("Id",), at), negated=False, members=teams)


_CONDITIONS: Mapping[str, Callable[[str, str, int], Condition]] = {
    MINE: _mine,
    TEAM: _of_team,
    DELEGATED: _delegated,
}
