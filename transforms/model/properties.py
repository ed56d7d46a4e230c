"""The properties of generated models as dbt reads them: comments, tests, sources and their
freshness.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import yaml

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Rule, Severity
from transforms.model.attributes import Attribute
from transforms.model.dimensions import dimension_attributes

_STATE = {
    "record_id": "Salesforce's id of the record.",
    "change_order": "Place of the change in Salesforce's order.",
    "is_deleted": "True while the record is in the recycle bin or gone.",
    "is_complete": "True once a whole record was seen.",
    "version": "Number of the record's changes so far.",
    "changed_at": "Commit in Salesforce, UTC.",
    "applied_at": "Commit in the warehouse, UTC.",
    "valid_from": "Commit in Salesforce that made this version, UTC.",
    "valid_to": "Commit that ended it, UTC; null: it is the latest.",
    "is_current": "True for the latest version.",
}
_CHANGE = {
    "record_id": "Salesforce's id of the record.",
    "change_order": "Place of the change in Salesforce's order.",
    "change_type": "create, update, delete, undelete or snapshot (a whole record that was read).",
    "changed_at": "Commit in Salesforce, UTC.",
    "applied_at": "Commit in the warehouse, UTC.",
    "commit_user": "User who made the change; null: nobody said it.",
    "change_origin": "The change's origin, by Salesforce.",
}
_BASE = ("record_id", "change_order", "is_deleted", "changed_at")
_ARRIVAL = {
    "record_id": "Salesforce's id of the record.",
    "arrived_at": "Commit in the warehouse of a change, an erasure or new tokens, UTC.",
}
_SPAN = {
    "record_id": "Salesforce's id; (unknown): the parent has not arrived; (none): no parent is named.",
    "effective_from": "First instant of the version, UTC, included; 1900-01-01 for the first one known.",
    "effective_to": "End of the version, UTC, not included; 9999-12-31 for the latest.",
    "is_current": "True for the latest version.",
    "is_deleted": "True for a version in which the record is deleted.",
}


def yaml_text(content: dict[str, Any]) -> str:
    """The content as a properties file."""
    return yaml.safe_dump({"version": 2, **content}, sort_keys=False, allow_unicode=True, width=120)


def sources(catalogue: Catalogue, freshness: tuple[timedelta, timedelta]) -> dict[str, Any]:
    """The warehouse's tables as sources.

    Args:
        catalogue: Its objects have tables.
        freshness: Age of the newest row of the ledger that is a warning, and one that is an error.
    """
    warn, error = (max(1, int(each.total_seconds() // 60)) for each in freshness)
    specs = catalogue.objects.values()
    ledger = {
        "name": "ledger",
        "description": "A row a batch and object, written with its effects.",
        "loaded_at_field": "committed_at",
        "config": {
            "freshness": {
                "warn_after": {"count": warn, "period": "minute"},
                "error_after": {"count": error, "period": "minute"},
            }
        },
    }
    curated = [
        {"name": f"{spec.table}_{kind}", "description": f"{spec.label} ({spec.name})."}
        for spec in specs
        for kind in ("current", *(["history"] if spec.history else []))
    ]
    return {
        "sources": [
            {"name": "curated", "schema": "curated", "tables": curated},
            {
                "name": "audit",
                "schema": "audit",
                "tables": [{"name": f"{spec.table}_{kind}"} for spec in specs for kind in ("change", "base")],
            },
            {
                "name": "ops",
                "schema": "ops",
                "tables": [ledger, {"name": "erased"}, {"name": "token_key"}],
            },
        ]
    }


def staging_properties(spec: ObjectSpec, attributes: Sequence[Attribute]) -> list[dict[str, Any]]:
    """Comments of an object's staging models."""
    fields = _described(spec, attributes)
    kept = [each for each in attributes if not each.is_long and each.pii == "none"]
    flags = [
        {"name": f"has_{each.name}", "description": f"True when the change says something of {each.name}."}
        for each in kept
        if each.source
    ]
    state = _plain(_STATE)
    now = [
        each for each in state if each["name"] not in ("change_order", "valid_from", "valid_to", "is_current")
    ]
    then = [each for each in state if each["name"] != "changed_at"]
    stem, label = f"stg_{spec.table}", f"{spec.label} ({spec.name})"
    models = [
        {"name": stem, "description": f"{label}: the latest state of each record.", "columns": now + fields},
        {
            "name": f"{stem}_change",
            "description": f"{label}: the change log; a field is null where the change does not carry it.",
            "columns": [*_plain(_CHANGE), *_described(spec, kept), *flags],
        },
        {
            "name": f"{stem}_base",
            "description": f"{label}: the state that the changes made which have left the change log.",
            "columns": [*(each for each in state if each["name"] in _BASE), *_described(spec, kept)],
        },
        {
            "name": f"{stem}_arrival",
            "description": f"{label}: the records that may have changed, and when.",
            "columns": _plain(_ARRIVAL),
        },
    ]
    if spec.history:
        text = f"{label}: a row a version."
        models.append({"name": f"{stem}_version", "description": text, "columns": then + fields})
    return models


def dimension_properties(spec: ObjectSpec, attributes: Sequence[Attribute]) -> dict[str, Any]:
    """Comments and tests of an object's dimension."""
    grain = "version" if spec.history else "record"
    key = {
        "name": f"{spec.table}_key",
        "description": f"Surrogate key of the {grain}: the same after rebuilds and replays.",
        "data_tests": ["unique", "not_null"],
    }
    columns = [
        {"name": name, "description": text, **({"data_tests": ["not_null"]} if name != "is_deleted" else {})}
        for name, text in _SPAN.items()
    ]
    fields = _described(spec, dimension_attributes(attributes), tested=True)
    return {
        "name": f"dim_{spec.table}",
        "description": f"{spec.label} ({spec.name}): a row a {grain}.",
        "data_tests": ["spans_do_not_overlap"],
        "columns": [key, *columns, *fields],
    }


def masked_properties(spec: ObjectSpec, attributes: Sequence[Attribute], view: str) -> dict[str, Any]:
    """Comments of an object's masked view."""
    text = f"{spec.label} ({spec.name}) for readers: personal values as pseudonyms, sensitive ones left out."
    key = {"name": f"{spec.table}_key", "description": f"Key in dim_{spec.table}."}
    fields = _described(spec, dimension_attributes(attributes))
    return {"name": view, "description": text, "columns": [key, *_plain(_SPAN), *fields]}


def _plain(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "description": text} for name, text in texts.items()]


def _described(
    spec: ObjectSpec, attributes: Iterable[Attribute], *, tested: bool = False
) -> list[dict[str, Any]]:
    described = []
    for each in attributes:
        column: dict[str, Any] = {"name": each.name, "description": each.described(spec.name)}
        values = _restricted(each) if tested else ()
        if values:
            column["data_tests"] = [
                {
                    "accepted_values": {
                        "arguments": {"values": list(values)},
                        "config": {"severity": "warn"},
                    }
                }
            ]
        described.append(column)
    return described


def _restricted(each: Attribute) -> tuple[str, ...]:
    spec = each.spec
    if spec is None or spec.type == "multipicklist" or spec.severity_of(Rule.VALUES) is Severity.OFF:
        return ()
    return spec.values
