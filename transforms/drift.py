"""How the org's fields differ from the catalogue's, and what follows from each difference. No I/O.

The rule for values: what the warehouse has stays unless the org says something else of the same kind. So a field that is gone, or whose
type holds less than before, is *held*: it is neither asked for nor set by whole records, and a lossy conversion writes no nulls.
"""

import re
from collections.abc import Iterable, Mapping

from schemas.catalogue import (
    DIGITS_MAX,
    FRACTIONS,
    IDS,
    TEXTS,
    WHOLE_NUMBERS,
    Catalogue,
    FieldSpec,
    FieldType,
    ObjectSpec,
)
from schemas.drift import (
    DescribedField,
    DriftKind,
    DriftPolicy,
    DriftRow,
    Effect,
    FieldDrift,
    entry_text,
    text_of,
)

_OF_THE_READER = frozenset({"LastViewedDate", "LastReferencedDate"})
"""Say when who asks has seen the record, and so are nothing of the record."""
_SYSTEM = frozenset({"Id", "IsDeleted", "SystemModstamp"})
_COMPOUNDS = frozenset({"address", "location", "complexvalue"})
"""Their parts are fields."""
_ALIKE = (FRACTIONS, WHOLE_NUMBERS, IDS)
"""Types that are the same to the warehouse."""
_MOST_LENGTH = 131_072


def compare(
    spec: ObjectSpec,
    described: Iterable[DescribedField],
    policy: DriftPolicy,
    history: Mapping[str, DriftRow],
) -> list[FieldDrift]:
    """Every difference of one object that is new.

    Args:
        spec: As the engine goes by it now.
        described: All fields of the object in the org.
        policy: What to do with new fields.
        history: The last decision about each field: one that says the same is not made again.
    """
    there = {field.name: field for field in described if not _is_no_field(spec, field)}
    found = [*_known_fields(spec, there, policy), *_new_fields(spec, there, policy)]
    return _guess_names(
        [each for each in found if not _is_repeated(each, history.get(each.field))], there, spec
    )


def overlaid(catalogue: Catalogue, rows: Iterable[DriftRow]) -> dict[str, ObjectSpec]:
    """The catalogue's objects with the decisions over them, in their order; those about entries that are otherwise now do not count."""
    fields = {name: dict(spec.fields) for name, spec in catalogue.objects.items()}
    for row in rows:
        of_object = fields.get(row.object)
        if row.spec is None or of_object is None:
            continue
        present = of_object.get(row.field)
        if (text_of(present) if present else "") == row.was:
            of_object[row.field] = row.spec
    return {
        name: spec if fields[name] == spec.fields else with_fields(spec, fields[name])
        for name, spec in catalogue.objects.items()
    }


def with_fields(spec: ObjectSpec, fields: Mapping[str, FieldSpec]) -> ObjectSpec:
    """The object with other fields; nothing that was worked out from the old ones stays."""
    described = spec.model_dump() | {"name": spec.name, "fields": dict(fields)}
    return ObjectSpec.model_validate(described)


def _is_no_field(spec: ObjectSpec, field: DescribedField) -> bool:
    return (
        field.name in _SYSTEM
        or field.name in _OF_THE_READER
        or field.type in _COMPOUNDS
        or (field.name in spec.compounds and field.name not in spec.fields)
        or field.name in spec.ignored
    )


def _known_fields(
    spec: ObjectSpec, there: Mapping[str, DescribedField], policy: DriftPolicy
) -> Iterable[FieldDrift]:
    for name, entry in spec.fields.items():
        field = there.get(name)
        if field is None:
            if not entry.held:
                yield _held(spec, name, entry, DriftKind.REMOVED, "")
            continue
        if entry.held:
            if _fits(entry, field):
                yield _restored(spec, name, entry, field)
            continue
        if not _fits(entry, field):
            yield _other_type(spec, name, entry, field, policy)
        elif (entry.required and field.nullable) or (field.required and not entry.required):
            yield _other_rule(spec, name, entry, field)


def _new_fields(
    spec: ObjectSpec, there: Mapping[str, DescribedField], policy: DriftPolicy
) -> Iterable[FieldDrift]:
    for name, field in there.items():
        if name in spec.fields:
            continue
        entry = entry_of(field, policy)
        facts = {"object": spec.name, "field": name, "now": _text(field)}
        if entry is None:
            advice = "Its type is not kept, so its values are left out. Say `ignore: true` in the catalogue to hear no more of it."
            yield FieldDrift(**facts, kind=DriftKind.UNKNOWN, effect=Effect.REPORTED, advice=advice)
        elif entry.calculated and not policy.add_calculated:
            advice = (
                "The org works it out. Add it to the catalogue as `calculated` to have it read on a schedule."
            )
            yield FieldDrift(**facts, kind=DriftKind.ADDED, effect=Effect.REPORTED, advice=advice)
        elif not policy.add or not _fits_in(spec, name, entry):
            advice = "Add the field to the catalogue: until then its values are left out of what lands."
            yield FieldDrift(**facts, kind=DriftKind.ADDED, effect=Effect.REPORTED, advice=advice)
        else:
            advice = (
                "Say in the catalogue what is in it: until then it is encrypted."
                if entry.is_protected
                else ""
            )
            yield FieldDrift(**facts, kind=DriftKind.ADDED, effect=Effect.ADDED, spec=entry, advice=advice)


def entry_of(field: DescribedField, policy: DriftPolicy) -> FieldSpec | None:
    """The catalogue entry that a new field gets; None for a type that is not kept."""
    kind = _kind(field)
    if kind is None or kind is FieldType.BASE64:
        return None
    return FieldSpec(
        type=kind,
        length=min(max(field.length, 1), _MOST_LENGTH) if kind in TEXTS else 255,
        scale=_scale(kind, field),
        references=field.references if kind is FieldType.REFERENCE else (),
        external_id=field.external_id,
        pii=policy.pii,
        part_of=field.compound or None,
        part=part_name(field) if field.compound else None,
        calculated=field.calculated,
        added=True,
    )


def part_name(field: DescribedField) -> str | None:
    """What the field is called inside its compound in change events; None: by its own name.

    `BillingCity` is `City` of `BillingAddress`; `Home__City__s` is `City` of `Home__c`; `FirstName` is `FirstName` of `Name` (Change Data
    Capture Developer Guide, "Change Event Body"; Object Reference, "Compound Fields").
    """
    compound, name = field.compound, field.name
    if custom := re.fullmatch(r"(\w+)__c", compound):
        inner = re.fullmatch(rf"{re.escape(custom[1])}__(\w+)__s", name)
        return inner[1] if inner else None
    stem = compound.removesuffix("Address")
    if stem == compound or not name.startswith(stem) or name == stem:
        return None
    return name.removeprefix(stem)


def field_called(spec: ObjectSpec, name: str) -> str | None:
    """The field that changes carry under a name, which is `Compound.Part` for a part; None: the catalogue lacks it."""
    compound, _, part = name.partition(".")
    return spec.compounds.get(compound, {}).get(part) if part else name if name in spec.fields else None


def _scale(kind: FieldType, field: DescribedField) -> int | None:
    """Decimal places; None for a number whose places describe does not bound, as a formula's."""
    if kind is FieldType.CURRENCY:
        return min(field.scale, DIGITS_MAX)
    is_bounded = kind in FRACTIONS and 0 < field.precision <= DIGITS_MAX and field.scale <= field.precision
    return field.scale if is_bounded and not field.calculated else None


def _kind(field: DescribedField) -> FieldType | None:
    """A reference that names no object is an id."""
    if field.type not in set(FieldType):
        return None
    kind = FieldType(field.type)
    return FieldType.ID if kind is FieldType.REFERENCE and not field.references else kind


def _fits(entry: FieldSpec, field: DescribedField) -> bool:
    """True when every value of the org's field has room in the entry."""
    if not _is_same_kind(entry, field) or field.calculated != entry.calculated:
        return False
    if entry.type in TEXTS:
        return field.length <= entry.length
    return entry.decimals is None or field.scale <= entry.decimals


def _is_same_kind(entry: FieldSpec, field: DescribedField) -> bool:
    kind = _kind(field)
    return kind is entry.type or any(kind in some and entry.type in some for some in _ALIKE)


def _other_type(
    spec: ObjectSpec, name: str, entry: FieldSpec, field: DescribedField, policy: DriftPolicy
) -> FieldDrift:
    kind = _kind(field)
    both_texts = entry.type in TEXTS and kind in TEXTS and field.calculated == entry.calculated
    if both_texts and kind is not None and field.length >= entry.length:
        wider = entry.model_copy(update={"type": kind, "length": min(field.length, _MOST_LENGTH)})
        return FieldDrift(
            object=spec.name,
            field=name,
            kind=DriftKind.WIDENED,
            effect=Effect.CHANGED if policy.widen else Effect.REPORTED,
            was=text_of(entry),
            now=_text(field),
            spec=wider if policy.widen else None,
            advice=""
            if policy.widen
            else "Widen the column, then correct the catalogue; longer values wait.",
        )
    return _held(spec, name, entry, DriftKind.RETYPED, _text(field))


def _held(spec: ObjectSpec, name: str, entry: FieldSpec, kind: DriftKind, now: str) -> FieldDrift:
    advice = (
        "Its column and values stay. Take it out of the catalogue when nobody needs them."
        if kind is DriftKind.REMOVED
        else "Its column and values stay as they were. Convert the column and correct the catalogue to take the new type."
    )
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=kind,
        effect=Effect.HELD,
        was=text_of(entry),
        now=now,
        spec=entry.model_copy(update={"held": True}),
        advice=advice,
    )


def _restored(spec: ObjectSpec, name: str, entry: FieldSpec, field: DescribedField) -> FieldDrift:
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=DriftKind.RESTORED,
        effect=Effect.RELEASED,
        was=text_of(entry),
        now=_text(field),
        spec=entry.model_copy(update={"held": False}),
    )


def _other_rule(spec: ObjectSpec, name: str, entry: FieldSpec, field: DescribedField) -> FieldDrift:
    kind = DriftKind.OPTIONAL if entry.required else DriftKind.REQUIRED
    advice = (
        "Make it required in the catalogue, so that a record without it is noticed."
        if kind is DriftKind.REQUIRED
        else "Make it optional in the catalogue: records without it wait in quarantine."
    )
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=kind,
        effect=Effect.REPORTED,
        was=text_of(entry),
        now=f"{_text(field)}, {kind}",
        advice=advice,
    )


def _fits_in(spec: ObjectSpec, name: str, entry: FieldSpec) -> bool:
    """False when the catalogue cannot take the field beside its others: its name is none, or another field is the same part."""
    try:
        with_fields(spec, {**spec.fields, name: entry})
    except ValueError:
        return False
    return True


def _is_repeated(found: FieldDrift, last: DriftRow | None) -> bool:
    return (
        last is not None
        and found.effect is Effect.REPORTED
        and (last.kind, last.now, last.effect) == (found.kind, found.now, found.effect)
    )


def _guess_names(
    found: list[FieldDrift], there: Mapping[str, DescribedField], spec: ObjectSpec
) -> list[FieldDrift]:
    """A field that went as another of its type came may have been renamed. It is only a guess, so nothing follows from it."""
    gone = [each for each in found if each.kind is DriftKind.REMOVED]
    new = [each for each in found if each.kind is DriftKind.ADDED]
    pairs: dict[str, str] = {}
    for old in gone:
        entry = spec.fields[old.field]
        alike = [each.field for each in new if _is_alike(entry, there[each.field])]
        if len(alike) == 1 and alike[0] not in pairs.values():
            pairs[old.field] = alike[0]
    back = {young: old for old, young in pairs.items()}
    return [_with_guess(each, pairs, back) for each in found]


def _is_alike(entry: FieldSpec, field: DescribedField) -> bool:
    same_length = entry.type not in TEXTS or entry.length == field.length
    return _kind(field) is entry.type and same_length


def _with_guess(found: FieldDrift, pairs: Mapping[str, str], back: Mapping[str, str]) -> FieldDrift:
    if found.kind is DriftKind.REMOVED and found.field in pairs:
        guess = (
            f"Perhaps it was renamed to {pairs[found.field]}, which came at the same time with the same type."
        )
    elif found.kind is DriftKind.ADDED and found.field in back:
        guess = f"Perhaps it is {back[found.field]} under another name, which went at the same time."
    else:
        return found
    return found.model_copy(update={"advice": f"{guess} {found.advice}".strip()})


def _text(field: DescribedField) -> str:
    return entry_text(field.type, field.length, field.scale, calculated=field.calculated)
