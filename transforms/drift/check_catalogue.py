"""The catalogue file and the org side by side, and what each difference costs. No I/O."""

from collections.abc import Iterable, Iterator

from schemas.catalogue import ObjectSpec
from schemas.catalogue_check import CatalogueDifference, Costs
from schemas.drift import DriftKind, DriftPolicy, FieldDrift
from schemas.salesforce.object_shape import DescribedShape, FieldDescription
from transforms.drift.compare_schema import compare_schema

_COSTS = {
    DriftKind.REMOVED: Costs.MISSED,
    DriftKind.ADDED: Costs.MISSED,
    DriftKind.UNKNOWN: Costs.MISSED,
    DriftKind.RETYPED: Costs.ISOLATED,
    DriftKind.WIDENED: Costs.ISOLATED,
    DriftKind.PART: Costs.ISOLATED,
    DriftKind.DIGITS: Costs.ISOLATED,
    DriftKind.SCALE: Costs.NOTHING,
    DriftKind.REQUIRED: Costs.NOTHING,
    DriftKind.OPTIONAL: Costs.NOTHING,
    DriftKind.RESTORED: Costs.NOTHING,
}
_WORST_FIRST = list(Costs)
_IS_PERSON = "IsPersonAccount"
_NAME = "Name"


def differences_of(spec: ObjectSpec, shape: DescribedShape) -> list[CatalogueDifference]:
    """Every difference of one object, with the file alone: what the engine would decide by itself
    counts, too.
    """
    if not shape.queryable:
        advice = "Take it out of the catalogue: the org lets nobody query it."
        return [
            CatalogueDifference(
                object=spec.name, what="object_not_queryable", costs=Costs.MISSED, advice=advice
            )
        ]
    there = {field.name: field for field in shape.fields}
    found = [
        _difference(each, there.get(each.field))
        for each in compare_schema(spec, shape.fields, DriftPolicy(add=False), {})
    ]
    return [*_of_object(spec, shape), *found]


def missing_object(name: str) -> CatalogueDifference:
    """The object that the org lacks, or hides."""
    advice = (
        f"Setup > Permission Sets > the integration user's set > Object Settings > {name} > Read. "
        "Take it out of the catalogue when the org has no such object."
    )
    return CatalogueDifference(object=name, what="object_missing", costs=Costs.MISSED, advice=advice)


def sorted_differences(found: Iterable[CatalogueDifference]) -> tuple[CatalogueDifference, ...]:
    """The worst first, else as found."""
    return tuple(sorted(found, key=lambda each: _WORST_FIRST.index(each.costs)))


def _difference(found: FieldDrift, field: FieldDescription | None) -> CatalogueDifference:
    is_of_no_event = field is not None and (field.calculated or field.type == "base64")
    is_new = found.kind in (DriftKind.ADDED, DriftKind.UNKNOWN)
    return CatalogueDifference(
        object=found.object,
        field=found.field,
        what=found.kind,
        costs=Costs.NOTHING if is_new and is_of_no_event else _COSTS[found.kind],
        was=found.was,
        now=found.now,
        advice=found.advice,
    )


def _of_object(spec: ObjectSpec, shape: DescribedShape) -> Iterator[CatalogueDifference]:
    if shape.key_prefix and shape.key_prefix != spec.key_prefix:
        yield CatalogueDifference(
            object=spec.name,
            what="key_prefix",
            costs=Costs.ISOLATED,
            was=spec.key_prefix,
            now=shape.key_prefix,
            advice=f'Say `key_prefix: "{shape.key_prefix}"` in the catalogue: references to {spec.name} break their rule.',
        )
    has_persons = any(field.name == _IS_PERSON for field in shape.fields)
    if has_persons and _NAME in spec.fields and _NAME not in spec.compounds:
        advice = (
            "Accounts may be persons: their change events carry Name as an object of its parts. Add FirstName and LastName with "
            "`part_of: Name` (`tidegate catalogue generate --objects Account` writes them)."
        )
        yield CatalogueDifference(
            object=spec.name, field=_NAME, what="persons", costs=Costs.ISOLATED, advice=advice
        )
