"""The text of a generated catalogue: one line a field, the same bytes for the same org. No I/O."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import yaml

from schemas.catalogue import STAMPS, Catalogue
from schemas.column_names import table_names
from schemas.salesforce.object_shape import DescribedShape
from transforms.catalogue.entries import FREE_TEXT, CatalogueEntry, catalogue_entries

_PLAIN = re.compile(r"[A-Za-z_](?:[\w .-]*\w)?", re.ASCII)
_HEADER = """\
# The object catalogue, made by `tidegate catalogue generate` from what the org describes. docs/objects.md says how to go on.
#
# Decide before the first worker starts:
#   free text    encrypted until you say `pii: none`, `personal` or `sensitive`; the line has the comment
#   pii          from Setup (ComplianceGroup, SecurityClassification), else by type and name; both classes are encrypted
#   ignore       true keeps a field out: what the org works out, and types that no column can hold
#   history      true keeps one row a version beside the latest state
"""


class Generated(NamedTuple):
    """A catalogue and what to say of it."""

    text: str
    catalogue: Catalogue
    to_decide: tuple[str, ...]
    """Free texts, as `Object.Field`."""
    left_out: tuple[str, ...]
    """Fields that have no column, as `Object.Field`."""


def render_catalogue(shapes: Sequence[DescribedShape], history: Set[str] = frozenset()) -> Generated:
    """A catalogue of these objects, in this order, with their fields in describe's order.

    Args:
        shapes: As the org describes them, each with a key prefix; with what Setup says of their
            fields.
        history: Objects whose versions are kept.
    """
    entries = {shape.name: catalogue_entries(shape.fields) for shape in shapes}
    common = _common(entries.values())
    for fields in entries.values():
        for name in common:
            del fields[name]
    catalogue = _catalogue(shapes, entries, common, history)
    lines = [_HEADER.rstrip()]
    if common:
        lines += ["", "every_object:", *(_field_line(name, entry, "", 2) for name, entry in common.items())]
    lines += ["", "objects:"]
    tables = table_names({shape.name: None for shape in shapes})
    for number, shape in enumerate(shapes):
        lines += [""] if number else []
        lines += _object_lines(shape, entries[shape.name], catalogue, tables[shape.name].why, history)
    flat = [(f"{name}.{field}", entry) for name, some in entries.items() for field, entry in some.items()]
    return Generated(
        text="\n".join(lines) + "\n",
        catalogue=catalogue,
        to_decide=tuple(name for name, entry in flat if entry.comment == FREE_TEXT),
        left_out=tuple(name for name, entry in flat if _is_left_out(entry)),
    )


def _common(objects: Iterable[Mapping[str, CatalogueEntry]]) -> dict[str, CatalogueEntry]:
    """The stamps that every object has, and has alike."""
    first, *others = objects
    return {
        name: first[name]
        for name in STAMPS
        if name in first and all(other.get(name) == first[name] for other in others)
    }


def _catalogue(
    shapes: Iterable[DescribedShape],
    entries: Mapping[str, Mapping[str, CatalogueEntry]],
    common: Mapping[str, CatalogueEntry],
    history: Set[str],
) -> Catalogue:
    objects = {
        shape.name: {
            "label": shape.label,
            "key_prefix": shape.key_prefix,
            "history": shape.name in history,
            "fields": {name: dict(entry.values) for name, entry in entries[shape.name].items()},
        }
        for shape in shapes
    }
    every = {name: dict(entry.values) for name, entry in common.items()}
    return Catalogue.model_validate({"every_object": every, "objects": objects})


def _object_lines(
    shape: DescribedShape,
    entries: Mapping[str, CatalogueEntry],
    catalogue: Catalogue,
    why: str,
    history: Set[str],
) -> Iterator[str]:
    spec = catalogue.object(shape.name)
    told = f"  # its tables begin with {spec.table}: {why}" if why else ""
    yield f"  {_scalar(shape.name)}:{told}"
    yield f"    label: {_scalar(shape.label)}"
    yield f"    key_prefix: {_scalar(shape.key_prefix)}"
    if shape.name in history:
        yield "    history: true"
    yield "    fields:" if entries else "    fields: {}"
    for name, entry in entries.items():
        given = spec.given_columns.get(name)
        column = f"column {given.name}: {given.why}" if given is not None and given.why else ""
        yield _field_line(name, entry, column, 6)


def _field_line(name: str, entry: CatalogueEntry, column: str, indent: int) -> str:
    values = ", ".join(f"{key}: {_flow(value)}" for key, value in entry.values.items())
    comment = "; ".join(filter(None, [entry.comment, column]))
    return f"{' ' * indent}{_scalar(name)}: {{{values}}}" + (f"  # {comment}" if comment else "")


def _is_left_out(entry: CatalogueEntry) -> bool:
    return bool(entry.values.get("ignore")) or entry.values.get("type") == "base64"


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    return str(value).lower() if isinstance(value, bool | int) else _scalar(str(value))


def _scalar(text: str) -> str:
    """A text in YAML: as it is where every reader takes it for one, else in double quotes."""
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf)).strip()
