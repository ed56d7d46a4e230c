"""Compare the org's fields with the catalogue's, and decide what follows from each difference. No
I/O.

The rule for values: what the warehouse has stays unless the org says something else of the same
kind. So a field that is gone, or whose type holds less than before, is *held*: it is neither
asked for nor set by whole records, and a lossy conversion writes no nulls.
"""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from schemas.catalogue import (
    FRACTIONS,
    IDS,
    TEXTS,
    WHOLE_NUMBERS,
    Catalogue,
    FieldSpec,
    ObjectSpec,
)
from schemas.drift import DriftEffect, DriftKind, DriftPolicy, DriftRow, FieldDrift, text_of
from schemas.errors import CatalogueError
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import (
    described_entry,
    described_fields,
    kind_of,
    part_name,
    text_length,
)
from transforms.drift.guess_renames import guess_renames
from transforms.drift.reports import described_text, reported

_ALIKE = (FRACTIONS, WHOLE_NUMBERS, IDS)
"""Types that are the same to the warehouse."""
_DECIDED = ("type", "length", "scale", "references", "part_of", "part", "held")
"""The change that a decision makes to an existing entry; the rest is the file's."""


def compare_schema(
    spec: ObjectSpec,
    described: Iterable[FieldDescription],
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
    there = {
        name: field
        for name, field in described_fields(described, spec.fields).items()
        if not _is_no_field(spec, name)
    }
    found = [*_known_fields(spec, there, policy), *_new_fields(spec, there, policy)]
    return guess_renames(
        [each for each in found if not _is_repeated(each, history.get(each.field))], there, spec
    )


def overlaid(catalogue: Catalogue, rows: Iterable[DriftRow]) -> dict[str, ObjectSpec]:
    """The catalogue's objects with the decisions over them, in their order; those about entries
    that are otherwise now do not count.

    Nor does one about a field that the file ignores. Raises `CatalogueError` when the file says
    by now what cannot be beside a decision.
    """
    fields = {name: dict(spec.fields) for name, spec in catalogue.objects.items()}
    for row in rows:
        of_object = fields.get(row.object)
        if row.spec is None or of_object is None or row.field in catalogue.objects[row.object].ignored:
            continue
        present = of_object.get(row.field)
        if present is None and row.was == "":
            of_object[row.field] = row.spec
        elif present is not None and row.was == _was(present, row.kind):
            # Other keys of the file, such as `pii`, count since then.
            update = {name: getattr(row.spec, name) for name in _DECIDED}
            of_object[row.field] = present.model_copy(update=update)
    return {
        name: spec if fields[name] == spec.fields else _decided(spec, fields[name])
        for name, spec in catalogue.objects.items()
    }


def _decided(spec: ObjectSpec, fields: Mapping[str, FieldSpec]) -> ObjectSpec:
    try:
        return with_fields(spec, fields)
    except ValidationError as error:
        problems = [
            f"objects.{spec.name}, with the fields that were found in the org: {item['msg']}"
            for item in error.errors()
        ]
        raise CatalogueError(path="", problems=problems) from error


def with_fields(spec: ObjectSpec, fields: Mapping[str, FieldSpec]) -> ObjectSpec:
    """The object with other fields; nothing that was worked out from the old ones stays."""
    described = spec.model_dump() | {"name": spec.name, "fields": dict(fields)}
    return ObjectSpec.model_validate(described)


def _is_no_field(spec: ObjectSpec, name: str) -> bool:
    return (name in spec.compounds and name not in spec.fields) or name in spec.ignored


def _was(entry: FieldSpec, kind: DriftKind) -> str:
    """The entry in short, with the compound that it is a part of where that is what was decided
    about.
    """
    if kind is not DriftKind.PART:
        return text_of(entry)
    return f"{text_of(entry)}, {'part of ' + entry.part_of if entry.part_of else 'no part'}"


def _known_fields(
    spec: ObjectSpec, there: Mapping[str, FieldDescription], policy: DriftPolicy
) -> Iterable[FieldDrift]:
    for name, entry in spec.fields.items():
        field = there.get(name)
        if field is None:
            if not entry.held:
                yield _held(spec, name, entry, DriftKind.REMOVED, "")
        elif entry.held:
            if _fits(entry, field):
                yield _restored(spec, name, entry, field)
        elif not _fits(entry, field):
            yield _other_type(spec, name, entry, field, policy)
        elif _is_other_part(entry, field):
            yield _other_part(spec, name, entry, field)
        else:
            yield from reported(spec.name, name, entry, field)


def _new_fields(
    spec: ObjectSpec, there: Mapping[str, FieldDescription], policy: DriftPolicy
) -> Iterable[FieldDrift]:
    for name, field in there.items():
        if name in spec.fields:
            continue
        entry = described_entry(field, policy.pii)
        facts = {"object": spec.name, "field": name, "now": described_text(field)}
        if entry is None:
            advice = "Its type is not kept, so its values are left out. Say `ignore: true` in the catalogue to hear no more of it."
            yield FieldDrift(**facts, kind=DriftKind.UNKNOWN, effect=DriftEffect.REPORTED, advice=advice)
        elif entry.calculated and not policy.add_calculated:
            advice = (
                "The org works it out. Add it to the catalogue as `calculated` to have it read on a schedule."
            )
            yield FieldDrift(**facts, kind=DriftKind.ADDED, effect=DriftEffect.REPORTED, advice=advice)
        elif not policy.add or not _fits_in(spec, name, entry):
            advice = "Add the field to the catalogue: until then its values are left out of what lands."
            yield FieldDrift(**facts, kind=DriftKind.ADDED, effect=DriftEffect.REPORTED, advice=advice)
        else:
            advice = (
                "Say in the catalogue what is in it: until then it is encrypted."
                if entry.is_protected
                else ""
            )
            yield FieldDrift(
                **facts, kind=DriftKind.ADDED, effect=DriftEffect.ADDED, spec=entry, advice=advice
            )


def field_called(spec: ObjectSpec, name: str) -> str | None:
    """The field that changes carry under a name, which is `Compound.Part` for a part; None: the
    catalogue lacks it.
    """
    compound, _, part = name.partition(".")
    return spec.compounds.get(compound, {}).get(part) if part else name if name in spec.fields else None


def _fits(entry: FieldSpec, field: FieldDescription) -> bool:
    """True when every value of the org's field has room in the entry, a number perhaps rounded."""
    if not _is_same_kind(entry, field) or field.calculated != entry.calculated:
        return False
    return entry.type not in TEXTS or field.length == 0 or text_length(field) <= entry.length


def _is_same_kind(entry: FieldSpec, field: FieldDescription) -> bool:
    kind = kind_of(field)
    return kind is entry.type or any(kind in some and entry.type in some for some in _ALIKE)


def _is_other_part(entry: FieldSpec, field: FieldDescription) -> bool:
    """True when the org has the field in a compound of which the entry does not know. A `part` that
    the file gives is taken as it is.
    """
    if not field.compound:
        return False
    if entry.part_of != field.compound:
        return True
    return entry.part is None and part_name(field) not in (None, field.name)


def _other_part(spec: ObjectSpec, name: str, entry: FieldSpec, field: FieldDescription) -> FieldDrift:
    part = part_name(field)
    known = entry.model_copy(update={"part_of": field.compound, "part": part})
    is_possible = _fits_in(spec, name, known)
    say = f"part_of: {field.compound}" + ("" if part is None else f", part: {part}")
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=DriftKind.PART,
        effect=DriftEffect.CHANGED if is_possible else DriftEffect.REPORTED,
        was=_was(entry, DriftKind.PART),
        now=f"{described_text(field)}, part of {field.compound}",
        spec=known if is_possible else None,
        advice=f"Say `{say}` in the catalogue: change events carry the field as {field.compound}.{part or name}.",
    )


def _other_type(
    spec: ObjectSpec, name: str, entry: FieldSpec, field: FieldDescription, policy: DriftPolicy
) -> FieldDrift:
    kind = kind_of(field)
    both_texts = entry.type in TEXTS and kind in TEXTS and field.calculated == entry.calculated
    if both_texts and kind is not None and text_length(field) >= entry.length:
        wider = entry.model_copy(update={"type": kind, "length": text_length(field)})
        return FieldDrift(
            object=spec.name,
            field=name,
            kind=DriftKind.WIDENED,
            effect=DriftEffect.CHANGED if policy.widen else DriftEffect.REPORTED,
            was=text_of(entry),
            now=described_text(field),
            spec=wider if policy.widen else None,
            advice=""
            if policy.widen
            else "Widen the column, then correct the catalogue; longer values wait.",
        )
    return _held(spec, name, entry, DriftKind.RETYPED, described_text(field))


def _held(spec: ObjectSpec, name: str, entry: FieldSpec, kind: DriftKind, now: str) -> FieldDrift:
    advice = (
        "Its column and values stay. When field-level security hides it from the integration user, make it "
        "visible again: it is read and filled by itself. When the org has it no more, take it out of the catalogue."
        if kind is DriftKind.REMOVED
        else "Its column and values stay as they were. Convert the column and correct the catalogue to take the new type."
    )
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=kind,
        effect=DriftEffect.HELD,
        was=text_of(entry),
        now=now,
        spec=entry.model_copy(update={"held": True}),
        advice=advice,
    )


def _restored(spec: ObjectSpec, name: str, entry: FieldSpec, field: FieldDescription) -> FieldDrift:
    return FieldDrift(
        object=spec.name,
        field=name,
        kind=DriftKind.RESTORED,
        effect=DriftEffect.RELEASED,
        was=text_of(entry),
        now=described_text(field),
        spec=entry.model_copy(update={"held": False}),
    )


def _fits_in(spec: ObjectSpec, name: str, entry: FieldSpec) -> bool:
    """False when the catalogue cannot take the field beside its others: its name is none, or
    another field is the same part.
    """
    try:
        with_fields(spec, {**spec.fields, name: entry})
    except ValueError:
        return False
    return True


def _is_repeated(found: FieldDrift, last: DriftRow | None) -> bool:
    return (
        last is not None
        and found.effect is DriftEffect.REPORTED
        and (last.kind, last.now, last.effect) == (found.kind, found.now, found.effect)
    )
