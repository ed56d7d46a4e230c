"""An object as wide as Salesforce allows, and records that fill it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from sandbox.org.state.org import Org
from schemas.catalogue import DEFAULT_CATALOGUE, Catalogue, ObjectSpec, load_catalogue

WIDE = "Wide__c"
_KINDS: tuple[dict[str, Any], ...] = (
    {"type": "string", "length": 80},
    {"type": "double"},
    {"type": "boolean"},
    {"type": "date"},
    {"type": "datetime"},
    {"type": "currency"},
    {"type": "textarea", "length": 4000},
    {"type": "int"},
)


def field_name(number: int, characters: int) -> str:
    """A custom field's API name of exactly so many characters."""
    begin = f"F{number:04d}_of_an_object_that_grew_for_twenty_years_and_more"
    return f"{begin[: characters - 3].rstrip('_'):x<{characters - 3}}__c"


def wide_catalogue(folder: Path, fields: int, characters: int) -> Path:
    """A catalogue with Account and `Wide__c`, whose custom fields are so many and have names that
    long.
    """
    shipped = yaml.safe_load(DEFAULT_CATALOGUE.read_text())
    own = {field_name(number, characters): dict(_KINDS[number % len(_KINDS)]) for number in range(fields)}
    head = {
        "Name": {"type": "string", "length": 80, "required": True},
        "ExternalId__c": {"type": "string", "length": 64, "external_id": True},
    }
    wide = {"label": "Wide", "key_prefix": "a0W", "history": True, "fields": head | own}
    described = {
        "every_object": shipped["every_object"],
        "objects": {"Account": shipped["objects"]["Account"], WIDE: wide},
    }
    path = folder / "wide.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path


def wide_spec(path: Path) -> tuple[Catalogue, ObjectSpec]:
    catalogue = load_catalogue(path)
    return catalogue, catalogue.object(WIDE)


def make_wide(org: Org, count: int, *, every: int = 3) -> list[str]:
    """Records that fill every so many-th field, each record other ones."""
    with org.transaction() as tx:
        return [tx.create(WIDE, record(org, number, every)) for number in range(count)]


def record(org: Org, number: int, every: int) -> dict[str, Any]:
    """The values of one record."""
    spec = org.records_of(WIDE).spec
    custom = [name for name in spec.fields if name.startswith("F") and name.endswith("__c")]
    values = {
        name: _value(spec.fields[name].type, number * 1_000 + place)
        for place, name in enumerate(custom)
        if (place + number) % every == 0
    }
    return {"Name": f"Wide {number:04d}", "ExternalId__c": f"W-{number:04d}", **values}


def _value(kind: str, seed: int) -> Any:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=seed)
    made: dict[str, Any] = {
        "string": f"text, {seed}",
        "textarea": f'line {seed}\nand "another"',
        "double": seed + 0.5,
        "currency": seed + 0.25,
        "boolean": seed % 2 == 0,
        "int": seed,
        "date": (date(2026, 1, 1) + timedelta(days=seed % 3_000)).isoformat(),
        "datetime": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
    }
    return made[kind]
