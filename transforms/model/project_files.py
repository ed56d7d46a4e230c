"""The whole dbt project of a catalogue, as texts by path."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from schemas.catalogue import Catalogue, ObjectSpec, Pii
from transforms.model.attributes import Attribute, attributes_of
from transforms.model.dimensions import dimension_attributes, dimension_model
from transforms.model.marts import MART_FIELDS
from transforms.model.masks import masked_model, masked_view
from transforms.model.properties import (
    dimension_properties,
    masked_properties,
    sources,
    staging_properties,
    yaml_text,
)
from transforms.model.shared_dimensions import shared_dimensions, shared_properties
from transforms.model.staging import staging_models

_NEEDS = re.compile(r"\A(?:--|#) needs: (.+)$", re.MULTILINE)
FRESHNESS = (timedelta(minutes=15), timedelta(hours=6))
"""Age of the ledger's newest row that is a warning, and one that is an error."""


class MissingMart(NamedTuple):
    """A hand-written file that is left out, and the objects that the catalogue lacks for it."""

    path: str
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class ModelProject:
    """A dbt project."""

    files: Mapping[str, str]
    """Path in the project -> text."""
    left_out: tuple[MissingMart, ...]


def model_project(catalogue: Catalogue, freshness: tuple[timedelta, timedelta] = FRESHNESS) -> ModelProject:
    """The project of a catalogue: what people wrote, and the models of each object.

    Args:
        catalogue: With the names that the warehouse has (`ops.names`).
        freshness: As of `FRESHNESS`.
    """
    made: dict[str, str] = {"models/staging/_sources.yml": yaml_text(sources(catalogue, freshness))}
    for spec in catalogue.objects.values():
        made |= _of_object(spec)
    for name, text in shared_dimensions(catalogue).items():
        made[f"models/dimensions/{name}.sql"] = text
    made["models/dimensions/_shared.yml"] = yaml_text({"models": shared_properties()})
    left_out = []
    for path, text in _written():
        lacks = tuple(name for name in _needs(text) if name not in catalogue.objects)
        if lacks:
            left_out.append(MissingMart(path, lacks))
        else:
            made[path] = text
    return ModelProject(made, tuple(left_out))


def _of_object(spec: ObjectSpec) -> dict[str, str]:
    attributes = attributes_of(spec, MART_FIELDS.get(spec.name))
    models = {f"models/staging/{name}.sql": text for name, text in staging_models(spec, attributes).items()}
    dimension = f"models/dimensions/dim_{spec.table}.sql"
    models[dimension] = dimension_model(spec, attributes)
    properties: list[dict[str, Any]] = [dimension_properties(spec, attributes)]
    models[f"models/staging/_{spec.table}.yml"] = yaml_text({"models": staging_properties(spec, attributes)})
    models[f"models/dimensions/_{spec.table}.yml"] = yaml_text({"models": properties})
    return models | _masked(spec, attributes)


def _masked(spec: ObjectSpec, attributes: tuple[Attribute, ...]) -> dict[str, str]:
    if all(each.pii is Pii.NONE for each in dimension_attributes(attributes)):
        return {}
    view = masked_view(spec)
    properties = {"models": [masked_properties(spec, attributes, view)]}
    return {
        f"models/masked/{view}.sql": masked_model(spec, attributes),
        f"models/masked/_{view}.yml": yaml_text(properties),
    }


def _needs(text: str) -> tuple[str, ...]:
    found = _NEEDS.search(text)
    return tuple(each.strip() for each in found[1].split(",")) if found else ()


def _written() -> Iterator[tuple[str, str]]:
    """The files that people wrote, with their paths in the project."""
    yield from _below(files("transforms.model") / "project", "")


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{prefix}{each.name}"
        if each.is_dir():
            yield from _below(each, f"{path}/")
        else:
            yield path, each.read_text(encoding="utf-8")
