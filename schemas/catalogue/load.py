"""The catalogue file: reading it, checking it, and completing its entries."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas.catalogue.field_spec import FieldSpec
from schemas.catalogue.object_spec import ObjectSpec, check_api_name
from schemas.column_names import (
    clashes,
    table_names,
)
from schemas.errors import CatalogueError, UnknownObjectError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it: a tenth of the time."""
DEFAULT_CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"


class Catalogue(BaseModel):
    """The whole file. `objects` have `every_object`'s fields merged in (an object's own entry
    wins).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_object: dict[str, FieldSpec] = {}
    objects: dict[str, ObjectSpec]

    @model_validator(mode="before")
    @classmethod
    def _complete_objects(cls, data: object) -> object:
        if not isinstance(data, dict) or not isinstance(data.get("objects"), dict):
            return data
        common = data.get("every_object") or {}
        objects = {name: _completed(name, entry, common) for name, entry in data["objects"].items()}
        return {**data, "every_object": common, "objects": _with_tables(objects)}

    @model_validator(mode="after")
    def _names_are_usable(self) -> Self:
        for name in self.objects:
            check_api_name(name)
        if wrong := clashes((name, spec.table) for name, spec in self.objects.items()):
            raise ValueError(f"{'; '.join(wrong)}. Give one of them another `table`.")
        return self

    def revision_of(self, name: str) -> int | None:  # noqa: ARG002 -- of a catalogue that follows the org
        """The number of the last change of the object's fields; None for a catalogue that never
        changes.
        """
        return None

    def follow(self) -> bool:
        """Take in what was changed since; False, always, for a catalogue that never changes. May
        block.
        """
        return False

    def object(self, name: str) -> ObjectSpec:
        """The object called `name`; raises `UnknownObjectError` when the catalogue lacks it."""
        try:
            return self.objects[name]
        except KeyError:
            raise UnknownObjectError(object_name=name, known=sorted(self.objects)) from None


def _completed(name: object, entry: object, common: object) -> object:
    """The entry with its name and the common fields; as it is when its shape is wrong, for
    validation to refuse.
    """
    if not isinstance(entry, dict):
        return entry
    own = entry.get("fields") or {}
    if not isinstance(own, dict) or not isinstance(common, dict):
        return {**entry, "name": name}
    missing = {field: spec for field, spec in common.items() if field not in own}
    return {**entry, "name": name, "fields": {**own, **missing}}


def _with_tables(objects: Mapping[str, Any]) -> dict[str, Any]:
    """The entries with the names of their tables; as they are where their shape is wrong, for
    validation to refuse.
    """
    given = {name: entry.get("table") or None for name, entry in objects.items() if isinstance(entry, dict)}
    if not all(isinstance(each, str | None) for each in (*given, *given.values())):
        return dict(objects)
    for name in given:
        check_api_name(name)
    tables = table_names(given)
    return {
        name: {**entry, "table": tables[name].name} if name in tables else entry
        for name, entry in objects.items()
    }


def load_catalogue(path: Path = DEFAULT_CATALOGUE) -> Catalogue:
    """Read and check a catalogue file; raises `CatalogueError` that names each wrong line's
    place.
    """
    try:
        return Catalogue.model_validate(yaml.load(path.read_text(encoding="utf-8"), _LOADER))  # noqa: S506 -- both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(path=str(path), problems=[str(error)]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
        raise CatalogueError(path=str(path), problems=problems) from error


@lru_cache
def default_catalogue() -> Catalogue:
    """The catalogue that ships with Tidegate, read once."""
    return load_catalogue()
