"""The dimension of an object: a row a version where the catalogue keeps history (SCD type 2), else
a row a record.
"""

from collections.abc import Sequence

from schemas.catalogue import ObjectSpec
from schemas.tables import quoted
from transforms.model.attributes import Attribute

_HEAD = """{{ config(materialized='incremental', unique_key='record_id') }}

"""


def dimension_attributes(attributes: Sequence[Attribute]) -> list[Attribute]:
    """The fields that are attributes of the dimension: all but long texts."""
    return [each for each in attributes if not each.is_long]


def dimension_model(spec: ObjectSpec, attributes: Sequence[Attribute]) -> str:
    """The SQL of `dim_<object>`."""
    kept = dimension_attributes(attributes)
    columns = "".join(f",\n    {quoted(each.name)}" for each in kept)
    nulls = "".join(f", cast(null as {each.sql_type})" for each in kept)
    head = _HEAD + (_versions(spec) if spec.history else _records(spec))
    key = (
        f"{{{{ version_key('{spec.name}', 'record_id', 'change_order') }}}}"
        if spec.history
        else f"{{{{ record_key('{spec.name}', 'record_id') }}}}"
    )
    member = f"cast('9999-12-31 00:00:00+00' as timestamp with time zone), true, false{nulls}"
    return f"""{head}
select
    {key} as {spec.table}_key,
    record_id,
    effective_from,
    effective_to,
    effective_to = cast('9999-12-31 00:00:00+00' as timestamp with time zone) as is_current,
    is_deleted{columns}
from spans
where effective_from < effective_to
union all
select {{{{ unknown_key() }}}}, '(unknown)', {{{{ beginning() }}}}, {member}
union all
select {{{{ none_key() }}}}, '(none)', {{{{ beginning() }}}}, {member}
"""


def _records(spec: ObjectSpec) -> str:
    return f"""with spans as (
    select
        *,
        {{{{ beginning() }}}} as effective_from,
        {{{{ ending() }}}} as effective_to
    from {{{{ ref('stg_{spec.table}') }}}}
    {{{{ only_arrived('{spec.table}') }}}}
)
"""


def _versions(spec: ObjectSpec) -> str:
    """Versions in the order of their changes. Several of one instant, or a snapshot that stands
    behind events of its second, must not overlap: a version begins no earlier than those before it.
    """
    return f"""with ordered as (
    select
        *,
        row_number() over (partition by record_id order by change_order) as place,
        max(valid_from) over (
            partition by record_id order by change_order rows between unbounded preceding and current row
        ) as began_at
    from {{{{ ref('stg_{spec.table}_version') }}}}
    {{{{ only_arrived('{spec.table}') }}}}
),

spans as (
    select
        *,
        -- The first version that is known stands for all time before it.
        case when place = 1 then {{{{ beginning() }}}} else began_at end as effective_from,
        coalesce(
            lead(began_at) over (partition by record_id order by change_order), {{{{ ending() }}}}
        ) as effective_to
    from ordered
)
"""
