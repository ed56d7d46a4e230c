"""`TYPEOF`: fields by the object that a polymorphic reference leads to (SOQL and SOSL Reference,
"TYPEOF").

Every object that the reference may lead to is joined, and at most one of them has the record. Of
an object without a WHEN, when there is no ELSE, the record has its address alone; no page says
what an org shows.
"""

from sandbox.org.soql.entities import Entity
from sandbox.org.soql.errors import PlacedSoqlError, no_such_field
from sandbox.org.soql.nodes import FieldPath, Query, SelectItem, TypeOf
from sandbox.org.soql.scope import ResolvedField, Scope, Variant


def variants_of(item: TypeOf, query: Query, scope: Scope) -> list[tuple[Variant, list[ResolvedField]]]:
    """Each object that the reference may lead to, with its fields in their order; raises
    `PlacedSoqlError`.
    """
    reference = scope.polymorphic(item.reference)
    if any(_crosses(each, item.reference) for each in query.select):
        detail = f"TYPEOF and the select list cannot both use the relationship {item.reference.text}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=item.at)
    cases = {}
    for case in item.cases:
        target = next(
            (each for each in reference.targets if each.name.lower() == case.object_name.lower()), None
        )
        if target is None:
            detail = f"{item.reference.text} does not refer to {case.object_name}"
            raise PlacedSoqlError("INVALID_FIELD", detail, at=case.at)
        cases[target.name] = case.fields
    others = [target for target in reference.targets if target.name not in cases]
    for path in item.otherwise:
        if others and not any(_has(target, path) for target in others):
            raise no_such_field(path.text, entity="Name", at=path.at)
    found = []
    for target in reference.targets:
        variant = scope.variant(reference, target)
        wanted = cases.get(target.name)
        if wanted is None:
            wanted = tuple(path for path in item.otherwise if _has(target, path))
        found.append((variant, [scope.resolve_in(variant, path) for path in wanted]))
    return found


def _has(target: Entity, path: FieldPath) -> bool:
    return len(path.parts) > 1 or path.parts[0].lower() in target.by_lower_name


def _crosses(item: object, reference: FieldPath) -> bool:
    """True for a plain field that is reached by the same relationship."""
    if not isinstance(item, SelectItem) or not isinstance(item.expression, FieldPath):
        return False
    steps = [part.lower() for part in item.expression.parts[:-1]]
    wanted = [part.lower() for part in reference.parts]
    return steps[: len(wanted)] == wanted
