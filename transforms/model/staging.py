"""The staging models of an object: its latest state, its versions, its changes, the bases of those
that have left the change log, and what arrived when.

They are views: they cost nothing until they are read, and are never behind.
"""

from collections.abc import Sequence

from schemas.catalogue import ObjectSpec
from schemas.tables import quoted
from transforms.model.attributes import Attribute

_STATE = ("is_deleted", "is_complete", "version")


def staging_models(spec: ObjectSpec, attributes: Sequence[Attribute]) -> dict[str, str]:
    """Model name -> SQL."""
    table = spec.table
    models = {
        f"stg_{table}": _select(
            ["record_id", *_fields(attributes), *_STATE, "changed_at", "applied_at"],
            f"source('curated', '{table}_current')",
        ),
        f"stg_{table}_change": _changes(spec, attributes),
        f"stg_{table}_base": _select(
            ["record_id", "change_order", *_fields(_of_change(attributes)), "is_deleted", "changed_at"],
            f"source('audit', '{table}_base')",
        ),
        f"stg_{table}_arrival": _arrivals(spec),
    }
    if spec.history:
        models[f"stg_{table}_version"] = _select(
            [
                "record_id",
                "change_order",
                *_fields(attributes),
                *_STATE,
                "valid_from",
                "valid_to",
                "is_current",
                "applied_at",
            ],
            f"source('curated', '{table}_history')",
        )
    return models


def _select(columns: Sequence[str], source: str) -> str:
    listed = ",\n    ".join(columns)
    return f"select\n    {listed}\nfrom {{{{ {source} }}}}\n"


def _fields(attributes: Sequence[Attribute]) -> list[str]:
    return [_field(each) for each in attributes]


def _field(each: Attribute) -> str:
    if not each.source:
        return f"cast(null as {each.sql_type}) as {quoted(each.name)}"
    if each.source == each.name:
        return quoted(each.name)
    return f"{quoted(each.source)} as {quoted(each.name)}"


def _changes(spec: ObjectSpec, attributes: Sequence[Attribute]) -> str:
    """The change log without long texts and PII: a row a change, each field as it was carried."""
    kept = _of_change(attributes)
    header = ["record_id", "change_order", "change_type", "changed_at", "applied_at", "commit_user"]
    carried = [_carried(each) for each in kept if each.source]
    return _select(
        [*header, "change_origin", *_fields(kept), *carried], f"source('audit', '{spec.table}_change')"
    )


def _of_change(attributes: Sequence[Attribute]) -> list[Attribute]:
    return [each for each in attributes if not each.is_long and each.pii == "none"]


def _carried(each: Attribute) -> str:
    inside = f"'%,{each.source},%'"
    return (
        f"change_type <> 'delete' and (changed_fields is null or ',' || changed_fields || ',' like {inside})"
        f" and coalesce(',' || isolated_fields || ',', '') not like {inside} as {quoted(f'has_{each.name}')}"
    )


def _arrivals(spec: ObjectSpec) -> str:
    """The records whose rows may have changed, and when: changes, erasures, and new tokens after a
    rotation of keys.
    """
    return f"""select record_id, applied_at as arrived_at
from {{{{ source('audit', '{spec.table}_change') }}}}
union all
select record_id, erased_at as arrived_at
from {{{{ source('ops', 'erased') }}}}
where object = '{spec.name}'
union all
select current_row.record_id, token_key.since as arrived_at
from {{{{ source('ops', 'token_key') }}}} as token_key
cross join {{{{ source('curated', '{spec.table}_current') }}}} as current_row
where token_key.object = '{spec.name}'
"""
