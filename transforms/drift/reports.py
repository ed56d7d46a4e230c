"""Reports about a field that fits its catalogue entry and still needs attention. No I/O."""

from collections.abc import Iterator

from schemas.catalogue import DIGITS_MAX, FieldSpec
from schemas.drift import DriftEffect, DriftKind, FieldDrift, entry_text, text_of
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import scale_of

_EXACT_DIGITS = 15
"""Digits that a binary number keeps, whatever they are (IEEE 754, "double")."""
_Report = tuple[DriftKind, str, str]
"""The change, a word for it where the type does not say it, and the remedy."""


def reported(object_name: str, name: str, entry: FieldSpec, field: FieldDescription) -> Iterator[FieldDrift]:
    """One row for all that somebody should know of a field that fits: its last row is what keeps it
    from being said again.
    """
    found = [*_other_scale(entry, field), *_other_rule(entry, field)]
    if not found:
        return
    told = [now for _, now, _ in found if now]
    yield FieldDrift(
        object=object_name,
        field=name,
        kind=found[0][0],
        effect=DriftEffect.REPORTED,
        was=text_of(entry),
        now=", ".join([described_text(field), *told]),
        advice=" ".join(advice for _, _, advice in found),
    )


def _other_scale(entry: FieldSpec, field: FieldDescription) -> Iterator[_Report]:
    """Digits for which the column has no room. Such a field is read on: its numbers land rounded,
    which is noted, or are isolated.
    """
    scale = scale_of(entry.type, field)
    if scale is None or field.calculated:
        return
    convert = f"Convert the column to numeric({DIGITS_MAX}, {scale}), then give the field `scale: {scale}` in the catalogue:"
    if entry.decimals is None:
        if _EXACT_DIGITS < field.precision <= DIGITS_MAX:
            told = f"{field.precision} digits"
            yield DriftKind.SCALE, told, f"{convert} until then digits beyond {_EXACT_DIGITS} are rounded."
    elif scale > entry.decimals:
        yield (
            DriftKind.SCALE,
            "",
            f"{convert} until then numbers land rounded to {entry.decimals} decimal places.",
        )
    elif field.precision <= DIGITS_MAX and field.precision - scale > DIGITS_MAX - entry.decimals:
        most = DIGITS_MAX - entry.decimals
        told = f"{field.precision} digits"
        yield (
            DriftKind.DIGITS,
            told,
            f"{convert} until then numbers of more than {most} digits before the point are isolated.",
        )


def _other_rule(entry: FieldSpec, field: FieldDescription) -> Iterator[_Report]:
    if entry.required and field.nullable:
        advice = "Make it optional in the catalogue: records without it break its rule."
        yield DriftKind.OPTIONAL, DriftKind.OPTIONAL, advice
    elif field.required and not entry.required:
        advice = "Make it required in the catalogue, so that a record without it is noticed."
        yield DriftKind.REQUIRED, DriftKind.REQUIRED, advice


def described_text(field: FieldDescription) -> str:
    """A field of the org in short, as `entry_text`."""
    return entry_text(field.type, field.length, field.scale, calculated=field.calculated)
